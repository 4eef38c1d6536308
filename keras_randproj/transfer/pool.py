"""Features to choose from: endless random ones, and a layer's own neurons."""

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_randproj import _keras
from keras_randproj import matrices
from keras_randproj.layers import EUGenDense
from keras_randproj.layers.eugen.features import EUGenFeatures
from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.transfer.dense_layers import DenseLayers
from keras_randproj.transfer.dense_layers import dense_layers
from keras_randproj.transfer.forward_selection import forward_selection
from keras_randproj.transfer.rebuild import build_like
from keras_randproj.transfer.rebuild import replace


class Pool:
    """The first features of a EUGen's seed, and neurons of a trained layer.

    A row of random features costs an index and, for each order, a row of the
    head; a neuron costs its weights and a row of the head.

    Args:
        eugen: A built `EUGenDense`, whose matrices are frozen.
        size: Integer, random features to choose from.
        neurons: A built `Dense` whose units may be kept, with the
            activation of the EUGen's features, or `None`.

    Raises:
        ValueError: If outputs of the EUGen's family cannot be chosen, its
            matrices are trained, or the pool is smaller than the EUGen.
    """

    def __init__(
        self, eugen: EUGenDense, size: int, neurons: Any = None
    ) -> None:
        features = eugen.features
        _check(features, size)
        self.eugen = eugen
        self.order, self.size = features.order, size
        self.input_dim = features.input_spec.axes[-1]
        family = features.family
        self.family = matrices.get(family.name, **family.options())
        self.neurons = neurons and kernel_and_bias(neurons)
        count = neurons.units if neurons is not None else 0
        self.features = self._make(None, size, np.arange(count))

    def _make(self, rows, size, neurons):
        """Features of the EUGen's seed and these neurons, built."""
        config = self.eugen.features.get_config()
        config["projection"] = matrices.serialize(self.family)
        config.update(rows=rows, num_features=size, num_neurons=len(neurons))
        made = EUGenFeatures.from_config(config)
        made.build((None, self.input_dim))
        self._copy_neurons(made, neurons)
        return made

    def _copy_neurons(self, features, neurons):
        if len(neurons):
            kernel, bias = self.neurons
            features.neurons.kernel.assign(kernel[:, neurons])
            features.neurons.bias.assign(bias[neurons])

    @property
    def costs(self) -> np.ndarray:
        """What a row and what a neuron costs, in stored numbers."""
        units = self.eugen.units
        row, neuron = 1 + self.order * units, self.input_dim + 1 + units
        count = len(self.candidates) - self.order * self.size
        return np.array([row] * self.size + [neuron] * count, "float64")

    @property
    def candidates(self) -> np.ndarray:
        """For each feature the row or neuron that it belongs to."""
        rows = np.tile(np.arange(self.size), self.order)
        return np.append(rows, self.size + np.arange(self.features.num_neurons))

    @property
    def budget(self) -> float:
        """What the EUGen itself costs."""
        features, units = self.eugen.features, self.eugen.units
        rows = features.num_features * (1 + self.order * units)
        return rows + features.num_neurons * (self.input_dim + 1 + units)

    def choose(
        self, gram: np.ndarray, cross: np.ndarray, allowed: Any = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The rows and neurons to keep, each in increasing order.

        Args:
            gram: Products of all features, their means taken off.
            cross: Their products with the targets.
            allowed: Boolean array of the candidates that may be chosen, or
                `None` for all.
        """
        costs = self.costs
        if allowed is not None:
            costs = np.where(allowed, costs, np.inf)
        chosen = np.array(
            forward_selection(gram, cross, self.budget, costs, self.candidates),
            "int64",
        )
        chosen.sort()
        rows, neurons = chosen[chosen < self.size], chosen[chosen >= self.size]
        if not len(rows) and np.isfinite(costs[0]):
            # A EUGen has at least one.
            rows = np.zeros(1, "int64")
        return rows, neurons

    def take(
        self, rows: np.ndarray, neurons: np.ndarray
    ) -> Callable[[Any], Any]:
        """The features that were chosen: random ones, then neurons.

        Args:
            rows: Integer array; where empty, there are no random features.
            neurons: Integer array, as `choose` returns them.

        Returns:
            Function from inputs `(rows, input_dim)` to `(rows, width)`.
        """
        kept = rows if len(rows) else np.zeros(1, "int64")
        made = self._make(kept.tolist(), len(kept), neurons - self.size)
        # Features have one row at least.
        skipped = 0 if len(rows) else self.order
        return lambda x: made(x)[:, skipped:]

    def neurons_alone(self, head: Any, rank: int) -> DenseLayers:
        """The layers of a head on neurons and nothing else.

        Args:
            head: `fit.Head`.
            rank: Integer, how many axes the inputs have.
        """
        kernel, bias = self.neurons
        kept = head.neurons - self.size
        eugen, inputs = self.eugen, self.input_dim
        activation = eugen.features.feature_activation
        parts = [
            (kernel[:, kept], bias[kept], activation),
            (head.kernel, head.bias, None),
        ]
        return dense_layers(eugen, inputs, parts, rank)

    def install(self, rows: np.ndarray, neurons: np.ndarray) -> None:
        """Gives the EUGen the features that were chosen, and a new head."""
        eugen = self.eugen
        config = eugen.get_config()
        config["projection"] = matrices.serialize(self.family)
        config.update(
            rows=rows.tolist(),
            num_features=len(rows),
            num_neurons=len(neurons),
        )
        new = EUGenDense.from_config(config)
        build_like(new, eugen, {"input_shape": (None, self.input_dim)})
        self._copy_neurons(new.features, neurons - self.size)
        new.trainable = eugen.trainable
        for part in ("features", "head"):
            replace(eugen, eugen, part, getattr(new, part))
        _keras.list_parameters_again(_keras.layers_in(eugen))


def _check(features, size):
    if not features.family.endless:
        raise ValueError(
            "`pool` needs a family whose outputs can be chosen, such as "
            "'gaussian' or 'hadamard'. "
            f"Received: projection={features.family.name!r}"
        )
    if features.trainable_projection or features.modulation:
        raise ValueError(
            "`pool` needs frozen matrices. Received: trainable_projection="
            f"{features.trainable_projection}, modulation={features.modulation}"
        )
    if size < features.num_features:
        raise ValueError(
            "`pool` must have at least as many features as are to be chosen. "
            f"Received: pool={size}, num_features={features.num_features}"
        )
