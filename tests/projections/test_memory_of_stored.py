"""What P in memory takes: no more than the numbers that it consists of."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import matrices

EXACT = matrices.Rademacher(), matrices.SparseTernary(density=0.25)
ROUNDED = matrices.Gaussian(), matrices.SparseTernary()
SIZE = 32


def built(family, policy):
    layer = PRPDense(SIZE, projection=family, seed=3, dtype=policy)
    layer.build((None, SIZE))
    return layer


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("family", [*EXACT, *ROUNDED], ids=repr)
def test_entries_that_fit_are_held_in_the_compute_dtype(family, policy):
    layer = built(family, policy)
    held = layer.projection.matrix
    wanted = layer.compute_dtype if family in EXACT else "float32"
    assert keras.backend.standardize_dtype(held.dtype) == wanted
    entries = ops.convert_to_numpy(ops.cast(held, "float32"))
    np.testing.assert_array_equal(entries, family.matrix(3, (SIZE, SIZE)))


def test_a_wider_layer_can_share_them(rng):
    """What is exact is exact in float32, too."""
    narrow = built(EXACT[0], "mixed_bfloat16")
    shared = PRPDense(SIZE, projection=narrow.projection, dtype="float32")
    x = rng.normal(size=(3, SIZE)).astype("float32")
    y = shared(x)
    assert keras.backend.standardize_dtype(y.dtype) == "float32"
    wanted = x @ EXACT[0].matrix(3, (SIZE, SIZE)) / SIZE**0.5
    np.testing.assert_allclose(ops.convert_to_numpy(y), wanted, atol=1e-5)


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="torch's hooks")
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize("family", EXACT, ids=repr)
def test_a_step_keeps_no_copy_of_them(family, policy):
    import torch

    layer = built(family, policy)
    kept = []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    x = torch.ones(1, SIZE, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda t: t):
        layer(x)
    held = layer.projection.matrix.value.untyped_storage()
    large = [t.untyped_storage() for t in kept if t.numel() >= SIZE * SIZE]
    assert {storage._cdata for storage in large} == {held._cdata}
