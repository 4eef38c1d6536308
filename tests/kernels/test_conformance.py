"""Each implementation of the active backend faces the same cases."""

import importlib.util

import keras
import numpy as np
import oracle
import pytest
from conformance import SEED
from conformance import Conformance
from keras import ops

from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj.kernels.triton import requirements

BACKEND = keras.backend.backend()
# Tiles whose entries are numbered beyond 2**31 and 2**32, in both directions.
CORNERS = [(2**28 + 3, 2**30), (5, 2**32 - 2), (2**32 - 2, 7)]

pytestmark = pytest.mark.gpu
if BACKEND == "jax" and requirements.INTERPRETED:
    import interpreted_jax


def far_block(family, corner, sides):
    """Entries of the oracle from a tile on."""
    _, _, rows, cols = oracle.TILES[family]
    top, left = corner[0] * rows, corner[1] * cols
    spans = (top, top + sides[0]), (left, left + sides[1])
    return oracle.block(family, SEED, *spans)


def triton_runs():
    """On a GPU, or in its interpreter."""
    if BACKEND == "torch":
        return True
    if BACKEND != "jax" or importlib.util.find_spec("jax_triton") is None:
        return False
    return requirements.INTERPRETED or requirements.jax_platform() == "gpu"


class TestReference(Conformance):
    implementation = "reference"


if triton_runs():
    from keras_randproj.kernels.triton import product_settings as settings

    class TestTriton(Conformance):
        implementation = "triton"

        @pytest.fixture(autouse=True)
        def _interpreted(self, monkeypatch):
            if BACKEND == "jax" and requirements.INTERPRETED:
                interpreted_jax.stand_in(monkeypatch)

        @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
        @pytest.mark.parametrize("storage", ["seed", "packed"])
        @pytest.mark.parametrize("family", ["rademacher", "sparse_ternary"])
        def test_more_rows(self, family, storage, turned, monkeypatch, rng):
            """As where tensor cores multiply."""
            monkeypatch.setattr(settings, "FEW_ROWS", 0)
            for dtype in ("float32", "bfloat16"):
                self.check(family, storage, (67, 131), turned, dtype, rng)

        @pytest.mark.parametrize("family", ["rademacher", "gaussian"])
        def test_more_rows_from_the_seed(self, family, monkeypatch, rng):
            """Each program makes its own block."""
            monkeypatch.setattr(settings, "FEW_ROWS", 0)
            monkeypatch.setattr(settings, "PACKED_BYTES", 0)
            self.check(family, "seed", (67, 131), False, "float32", rng)

        @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
        @pytest.mark.parametrize("family", ["rademacher", "sparse_ternary"])
        def test_packed(self, family, turned, rng):
            self.check(family, "packed", (67, 131), turned, "float32", rng)

        def test_packed_in_half_precision(self, rng):
            case = "sparse_ternary", "packed", (67, 131)
            self.check(*case, True, "bfloat16", rng)

        @pytest.mark.parametrize("dtype", ["float32", "float16"])
        @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
        @pytest.mark.parametrize("storage", ["seed", "packed"])
        def test_large_batches_use_chunks(
            self, storage, turned, dtype, monkeypatch, rng
        ):
            monkeypatch.setattr(settings, "FEW_ROWS", 0)
            monkeypatch.setattr(settings, "MOST_ROWS", 0)
            monkeypatch.setattr(settings, "MOST_ROWS_SEEDED", 0)
            monkeypatch.setattr(settings, "CHUNK_BYTES", 1)
            case = "sparse_ternary", storage, (67, 131)
            self.check(*case, turned, dtype, rng)

        @pytest.mark.skipif(BACKEND != "torch", reason="Made by hand on torch")
        @pytest.mark.parametrize("corner", CORNERS, ids=str)
        @pytest.mark.parametrize("family", oracle.TILED)
        def test_tiles_far_away(self, family, corner):
            import torch

            from keras_randproj.kernels.triton import product

            spec = matrices.get(family).spec()
            key = [SEED >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
            # Whatever tiles follow the last, none is asked for.
            sides = spec.rows, 2 * spec.cols
            matrix = product.Matrix(
                torch.tensor(key, dtype=torch.int32),
                *sides,
                0,
                spec.code,
                spec.bits,
                spec.rows,
                spec.cols,
                kernels.law(spec)[0],
                *corner,
            )
            size = kernels.law(spec)[1]
            wanted = far_block(family, corner, sides)
            eye = torch.eye(sides[0])
            spans = (0, sides[0]), (0, sides[1])
            written = product.write(matrix, *spans, eye)
            multiplied = product.multiply(
                matrix, eye, None, None, None, 1.0, False
            )
            for found in (written, multiplied):
                found = ops.convert_to_numpy(found)
                np.testing.assert_allclose(found * size, wanted, rtol=1e-6)
