"""The rival of a distillation: the teacher's kernels at a lower rank."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.transfer.dense_layers import DenseLayers
from keras_randproj.transfer.dense_layers import dense_layers
from keras_randproj.transfer.normal_equations import NormalEquations
from keras_randproj.transfer.normal_equations import scaled_solve

# Of the regressions, relative to the inputs' variance.
RIDGE = 1e-6


class LowRank:
    """Dense layers whose kernels have a rank, fitted to the rows at hand.

    Each kernel is the best one of its rank for the inputs that it is given
    and the outputs that it should have (reduced-rank regression), and not
    the nearest one to the teacher's kernel, for which inputs do not matter.

    Args:
        layers: The teacher's `Dense` layers, one or two that follow each
            other.
        activations: What is applied after each.
        rank: Positive integer, of all kernels.
    """

    def __init__(
        self, layers: Sequence[Any], activations: Sequence[Any], rank: int
    ) -> None:
        self.layers = layers
        self.activations = activations
        self.rank = rank
        # Of each layer that is fitted: left and right factor, and bias.
        self.factors: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    @classmethod
    def of(
        cls, layers: Sequence[Any], activations: Sequence[Any], numbers: int
    ) -> "LowRank | None":
        """The one with no more numbers than `numbers`; `None` if none has."""
        sizes = [layer.kernel.shape for layer in layers]
        spare = numbers - sum(s[1] for s in sizes)
        rank = min(spare // sum(map(sum, sizes)), *map(min, sizes))
        return cls(layers, activations, rank) if rank > 0 else None

    def fit(self, pairs: Callable[[], Any], first: Any = None) -> Any:
        """Fits all layers, one after the other, each in a pass over the rows.

        Args:
            pairs: Function that returns an iterable of rows, see `Teacher`.
            first: What the fit of another rank returned, for the same rows.

        Returns:
            What the first layer of all ranks is made of.
        """
        first = first or self._regression(0, pairs)
        for k in range(len(self.layers)):
            found = self._regression(k, pairs) if k else first
            kernel, directions, mean_x, mean_y = found
            right = directions[:, : self.rank]
            left = kernel @ right
            bias = mean_y - (mean_x @ left) @ right.T
            self.factors.append((left, right.T, bias))
        return first

    def _regression(self, k, pairs):
        """Kernel, directions and means for a layer, whatever the rank."""
        gram, cross, mean_x, mean_y = self._sums(k, pairs()).centred()
        return *regression(gram, cross), mean_x, mean_y

    def _sums(self, k, pairs):
        """Sums over the inputs and targets of a layer."""
        sums = None
        last = k == len(self.layers) - 1
        for x, y, weights, teachers, inner in pairs:
            if not last or not is_linear(self.activations[k]):
                own = x if teachers is None else teachers
                y = before_activation(
                    self.layers[: k + 1], self.activations, own
                )
            x = self._given(x)
            if sums is None:
                sums = NormalEquations(x.shape[1], y.shape[1])
            sums.add(x, y, weights if last else inner)
        return sums

    def as_layer(self, rank: int) -> DenseLayers:
        """The layers themselves, two for each of the teacher's.

        Args:
            rank: Integer, how many axes their inputs have.
        """
        parts: list[Any] = []
        for (left, right, bias), activation in zip(
            self.factors, self.activations, strict=True
        ):
            parts += [(left, None, None), (right, bias, activation)]
        inputs = len(self.factors[0][0])
        return dense_layers(self.layers[0], inputs, parts, rank)

    def _given(self, x):
        """What the next layer to be fitted is given."""
        for (left, right, bias), activation in zip(
            self.factors, self.activations, strict=False
        ):
            x = activated(activation, (x @ left) @ right + bias)
        return x

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The outputs for inputs `(rows, input_dim)`."""
        return self._given(x)


def before_activation(
    layers: Sequence[Any], activations: Sequence[Any], x: np.ndarray
) -> np.ndarray:
    """What the last of some dense layers gives before its activation.

    Args:
        layers: `Dense` layers that follow each other.
        activations: What is applied after each.
        x: Array `(rows, input_dim)`.
    """
    *before, last = layers
    for layer, activation in zip(before, activations, strict=False):
        kernel, bias = kernel_and_bias(layer)
        x = activated(activation, x @ kernel + bias)
    kernel, bias = kernel_and_bias(last)
    return x @ kernel + bias


def activated(activation: Any, x: np.ndarray) -> np.ndarray:
    """An activation's values."""
    if is_linear(activation):
        return x
    return ops.convert_to_numpy(activation(ops.convert_to_tensor(x, "float32")))


def reduced_rank(
    gram: np.ndarray, cross: np.ndarray, rank: int
) -> tuple[np.ndarray, np.ndarray]:
    """Factors of the best linear map of a rank.

    Args:
        gram: float64 array `(n, n)`, products of the inputs.
        cross: float64 array `(n, units)`, their products with the targets.
        rank: Integer.

    Returns:
        Arrays `(n, rank)` and `(rank, units)`.
    """
    kernel, directions = regression(gram, cross)
    right = directions[:, :rank]
    return kernel @ right, right.T


def regression(
    gram: np.ndarray, cross: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The best linear map, and the directions of its outputs.

    Args:
        gram: float64 array `(n, n)`, products of the inputs.
        cross: float64 array `(n, units)`, their products with the targets.

    Returns:
        Arrays `(n, units)` and `(units, min(n, units))`, whose columns are
        the principal directions, those of most variance first.
    """
    kernel = scaled_solve(gram, cross, RIDGE)
    if len(gram) < cross.shape[1]:
        values, vectors = np.linalg.eigh(gram)
        root = np.sqrt(np.maximum(values, 0))[:, None] * vectors.T
        return kernel, np.linalg.svd(root @ kernel, full_matrices=False)[2].T
    return kernel, np.linalg.eigh(kernel.T @ gram @ kernel)[1][:, ::-1]


def is_linear(activation: Any) -> bool:
    """Whether an activation does nothing."""
    return activation in (None, keras.activations.linear)
