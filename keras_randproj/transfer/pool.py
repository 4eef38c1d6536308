"""Features to choose from: random ones, a layer's own neurons, directions."""

from collections.abc import Callable
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_randproj import _keras
from keras_randproj import matrices
from keras_randproj.layers import EUGenDense
from keras_randproj.layers.eugen.features import EUGenFeatures
from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.transfer.dense_layers import DenseLayers
from keras_randproj.transfer.dense_layers import dense_layers
from keras_randproj.transfer.forward_selection import forward_selection
from keras_randproj.transfer.low_rank import regression
from keras_randproj.transfer.rebuild import build_like
from keras_randproj.transfer.rebuild import replace

# Least share of the first direction's variance.
SMALLEST = 1e-9


class Choice(NamedTuple):
    """What is kept of a pool, each in increasing order.

    Args:
        rows: Integer array, of random features.
        neurons: Integer array, of the trained layer.
        directions: Integer array, of `Pool.directions`.
    """

    rows: np.ndarray
    neurons: np.ndarray
    directions: np.ndarray


class Pool:
    """The first features of a EUGen's seed, and trained ones to go with them.

    These are neurons of a trained layer, and directions of the input of which
    most of the targets is a linear function: the low-rank map that is best
    without any other feature. A row of random features costs an index and,
    for each order, a row of the head; a neuron or direction costs its weights
    and a row of the head.

    Args:
        eugen: A built `EUGenDense`, whose matrices are frozen.
        size: Integer, random features to choose from.
        neurons: A built `Dense` whose units may be kept, with the
            activation of the EUGen's features, or `None`.
        linear: Boolean, whether there are directions.

    Raises:
        ValueError: If outputs of the EUGen's family cannot be chosen, its
            matrices are trained, or the pool is smaller than the EUGen.
    """

    def __init__(
        self,
        eugen: EUGenDense,
        size: int,
        neurons: Any = None,
        linear: bool = False,
    ) -> None:
        features = eugen.features
        _check(features, size)
        self.eugen = eugen
        self.order, self.size = features.order, size
        self.input_dim = features.input_spec.axes[-1]
        family = features.family
        self.family = matrices.get(family.name, **family.options())
        self.neurons = neurons and kernel_and_bias(neurons)
        self.count = neurons.units if neurons is not None else 0
        # Until `reduce` finds the best, all directions there are.
        self.directions = np.eye(self.input_dim)[:, : self.input_dim * linear]
        every = np.arange(self.count), np.arange(self.input_dim * linear)
        self.features = self._make(None, size, *every)

    def _make(self, rows, size, neurons, directions):
        """Features of the EUGen's seed and these trained ones, built."""
        config = self.eugen.features.get_config()
        config["projection"] = matrices.serialize(self.family)
        config.update(
            # As it is: a function of one's own need not be registered.
            feature_activation=self.eugen.features.feature_activation,
            rows=rows,
            num_features=size,
            num_neurons=len(neurons),
            residual_rank=len(directions),
        )
        made = EUGenFeatures.from_config(config)
        made.build((None, self.input_dim))
        self._copy(made, neurons, directions)
        return made

    def _copy(self, features, neurons, directions):
        if len(neurons):
            kernel, bias = self.neurons
            features.neurons.kernel.assign(kernel[:, neurons])
            features.neurons.bias.assign(bias[neurons])
        if len(directions):
            features.residual.kernel.assign(self.directions[:, directions])

    @property
    def costs(self) -> tuple[int, int, int]:
        """What a row, a neuron and a direction cost, in stored numbers."""
        inputs, units = self.input_dim, self.eugen.units
        return 1 + self.order * units, inputs + 1 + units, inputs + units

    @property
    def budget(self) -> float:
        """What the EUGen itself costs."""
        features = self.eugen.features
        numbers = (
            features.num_features,
            features.num_neurons,
            features.residual_rank,
        )
        return float(np.dot(numbers, self.costs))

    def reduce(
        self, gram: np.ndarray, cross: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Finds the best directions; the products with these in their place.

        Args:
            gram: Products of all features, their means taken off; they are
                changed.
            cross: Their products with the targets; they are changed.
        """
        start = len(gram) - self.directions.shape[1]
        if start == len(gram):
            return gram, cross
        inner = gram[start:, start:]
        kernel, targets = regression(inner, cross[start:])
        most = int(self.budget // self.costs[2])
        found = kernel @ targets[:, :most]
        square = np.einsum("ij,ij->j", found, inner @ found)
        # Beyond the rank of the map only rounding errors are left.
        real = square > SMALLEST * square.max(initial=0)
        found = found[:, real] / np.sqrt(square[real])
        self.directions = found
        mixed = gram[:start, start:] @ found
        inner = found.T @ inner @ found
        stop = start + found.shape[1]
        gram[:start, start:stop], gram[start:stop, :start] = mixed, mixed.T
        gram[start:stop, start:stop] = inner
        cross[start:stop] = found.T @ cross[start:]
        return gram[:stop, :stop], cross[:stop]

    def choose(
        self,
        gram: np.ndarray,
        cross: np.ndarray,
        neurons: bool = True,
        random: bool = True,
    ) -> Choice:
        """What to keep.

        Args:
            gram: As `reduce` returns it.
            cross: As `reduce` returns it.
            neurons: Boolean, whether neurons may be chosen.
            random: Boolean, whether anything else may.
        """
        counts = self.size, self.count, self.directions.shape[1]
        allowed = random, neurons, random
        costs = [
            cost if allow else np.inf
            for cost, allow in zip(self.costs, allowed, strict=True)
        ]
        # Features of one row, for each order, are chosen together.
        candidates = np.append(
            np.tile(np.arange(self.size), self.order),
            np.arange(self.size, sum(counts)),
        )
        chosen = forward_selection(
            gram, cross, self.budget, np.repeat(costs, counts), candidates
        )
        kinds = np.split(np.arange(sum(counts)), np.cumsum(counts)[:-1])
        found = [np.intersect1d(chosen, kind) for kind in kinds]
        if not len(found[0]) and random:
            # A EUGen has at least one.
            found[0] = np.zeros(1, "int64")
        starts = 0, self.size, self.size + self.count
        return Choice(
            *(
                part.astype("int64") - start
                for part, start in zip(found, starts, strict=True)
            )
        )

    def take(self, choice: Choice) -> Callable[[Any], Any]:
        """The features that were chosen, in the order of `Choice`.

        Args:
            choice: Without rows there are no random features.

        Returns:
            Function from inputs `(rows, input_dim)` to `(rows, width)`.
        """
        rows, *trained = choice
        kept = rows if len(rows) else np.zeros(1, "int64")
        made = self._make(kept.tolist(), len(kept), *trained)
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
        kept = head.choice.neurons
        eugen, inputs = self.eugen, self.input_dim
        activation = eugen.features.feature_activation
        parts = [
            (kernel[:, kept], bias[kept], activation),
            (head.kernel, head.bias, eugen.activation),
        ]
        return dense_layers(eugen, inputs, parts, rank)

    def install(self, choice: Choice) -> None:
        """Gives the EUGen the features that were chosen, and a new head."""
        eugen = self.eugen
        config = eugen.get_config()
        config["projection"] = matrices.serialize(self.family)
        config.update(
            activation=eugen.activation,
            feature_activation=eugen.features.feature_activation,
            rows=choice.rows.tolist(),
            num_features=len(choice.rows),
            num_neurons=len(choice.neurons),
            residual_rank=len(choice.directions),
        )
        new = EUGenDense.from_config(config)
        build_like(new, eugen, {"input_shape": (None, self.input_dim)})
        self._copy(new.features, choice.neurons, choice.directions)
        new.trainable = eugen.trainable
        # In the order in which a EUGen of its own makes them.
        for part in ("head", "features"):
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
