"""Two matrices of a seed, and two vectors between and behind them."""

from typing import Any

import numpy as np
from keras import ops

from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.adapters.forms.form import Form
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed


class SeededLowRank(Form):
    """Adds two random matrices with learned vectors between and behind.

    The layer's output, before its activation, gets

        out * (B^T (middle * (A^T x)))

    where A is rows x rank and B rank x cols, projections of the two seeds
    derived from `seed`; files hold the seed, digests and vectors. `middle`
    starts at one and `out` at zero: what is learned is how far they moved.
    Layers of one shape have the same A and B. It is VeRA's form, and that of
    a `PRPDense` of depth 2 with a narrow middle.

    Args:
        rank: Positive integer.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        projection: Name of a family of matrices without options.
        storage: As in `PRPDense`: `"dense"`, `"seed"` or `"packed"`.
        lr_multiplier: Positive float, see `Modulation`; of both vectors.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Kopiczko et al., "VeRA: Vector-based Random Matrix Adaptation",
        arXiv 2310.11454.

    Example:

    >>> SeededLowRank(rank=64, seed=7).projection
    'gaussian'
    """

    argument_types = {
        "rank": int,
        "seed": int,
        "projection": str,
        "storage": str,
        "lr_multiplier": float,
    }

    def __init__(
        self,
        rank: int = 64,
        seed: int | None = None,
        projection: str = "gaussian",
        storage: str = "dense",
        lr_multiplier: float = 10.0,
    ) -> None:
        super().__init__(lr_multiplier)
        self.rank = positive_integer("rank", rank)
        self.seed = resolve_seed(seed)
        self.projection = one_of(
            "projection", projection, tuple(matrices.names())
        )
        self.storage = one_of("storage", storage, ("dense", "seed", "packed"))

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        return {"middle": (self.rank,), "out": (layer.matrix_shape[1],)}

    def projections(self, layer: Any) -> dict[str, tuple[Any, int]]:
        rows, cols = layer.matrix_shape

        def make(k, units):
            return projections.get(
                self.projection,
                units,
                seed=matrices.derive_seed(self.seed, k),
                storage=self.storage,
                dtype=layer.compute_dtype,
            )

        return {
            "a": (make(0, self.rank), rows),
            "b": (make(1, cols), self.rank),
        }

    def after(self, layer: Any, y: Any, x: Any, values: dict) -> Any:
        x, out = layer.flat_input(x), values["out"]
        a, b = (stored(values[name], x.dtype) for name in "ab")
        middle = 1.0 + values["middle"]
        if a is None:
            low = values["a"].call(x)
            low = low * layer.along_last(middle, low)
            wide = values["b"].call(low)
        else:
            (a, a_rest), (b, b_rest) = a, b
            low = layer.multiply_last(x, a)
            low = low * layer.along_last(middle * a_rest, low)
            out = out * b_rest
            if len(out.shape) == 1:
                # Nothing as large as the output is kept for a gradient.
                return layer.add_product(y, low, b * out)
            wide = kernels.product(low, b, layer.adapter.scratch, "wide")
        wide = layer.output_axes_of(wide)
        out = layer.along_output(out, y)
        return kernels.add_scaled(y, wide, out, layer.adapter.in_place)

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        a, b = (values[name].materialize() for name in "ab")
        update = (a * (1 + values["middle"])) @ b * values["out"]
        return kernel + update, bias


def stored(projection, dtype):
    """A matrix in memory with a part of its factor, and the rest of that.

    `None` where it is not kept: of a seed, packed, or of a fast transform.
    """
    operand, _ = projection.held.operands
    if not isinstance(operand, kernels.StoredMatrix):
        return None
    before, after = kernels.split_gain(operand)
    return ops.cast(operand.matrix, dtype) * before, after
