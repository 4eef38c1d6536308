"""PEFT's methods as forms of `keras_randproj.adapters`, with PEFT's start.

`python -m experiments.adapters_peft` compares what they compute with PEFT
itself. Here they train in the same program as the package's own forms, so
that all methods see the same steps.
"""

import numpy as np
from keras import ops

from keras_randproj import adapters
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.adapters.detach import adapted_layers


class LoRA(adapters.LowRank):
    """PEFT's LoRA of scale 1: a begins smaller than Keras's."""

    def start(self, adapter, part, layer, seed, place):
        rows, rank = part.variables["a"].shape
        rng = np.random.default_rng((seed, place))
        part.variables["a"].assign(rng.uniform(-1, 1, (rows, rank)) / rows**0.5)


class VeRA(adapters.SeededLowRank):
    """PEFT's VeRA: uniform matrices for all layers, `d` begins at 0.1."""

    def after(self, layer, y, x, values):
        low = values["a"].call(layer.flat_input(x))
        low = low * layer.along_last(values["middle"], low)
        wide = values["b"].call(low)
        wide = wide * layer.along_last(values["out"], wide)
        return y + layer.output_axes_of(wide)

    def start(self, adapter, part, layer, seed, place):
        rng = np.random.default_rng(seed)
        for name in "ab":
            set_matrix(part.fixed[name], kaiming(rng, part.fixed[name]))
        part.variables["middle"].assign(np.full(self.rank, 0.1))


class IA3(adapters.Modulation):
    """PEFT's IA3, which scales a layer's bias with its product.

    Its vectors begin at one; here what is learned is how far they moved.

    Args:
        feedforward: Boolean, whether inputs are scaled or outputs.
    """

    def __init__(self, feedforward=False):
        super().__init__(feedforward, not feedforward, False, lr_multiplier=1)

    def output_scale(self, values):
        return None

    def after(self, layer, y, x, values):
        if "scale" not in values:
            return y
        return y * layer.along_output(1.0 + values["scale"], y)


class UniLoRA(adapters.SeededUpdate):
    """PEFT's Uni-LoRA: all factors are entries of a vector, without signs."""

    def __init__(self, size, rank=4, seed=None):
        super().__init__(size, rank, seed, lr_multiplier=1.0)

    def after(self, layer, y, x, values):
        a, b = self._factors(layer, values)
        low = layer.multiply_transposed(x, a)
        return y + layer.output_axes_of(layer.multiply_last(low, b))

    def start(self, adapter, part, layer, seed, place):
        rng = np.random.default_rng(seed)
        part.variables["vector"].assign(rng.uniform(-0.02, 0.02, self.size))
        often, rest = divmod(adapter.shared.total, self.size)
        entries = np.repeat(np.arange(self.size), often)
        more = rng.choice(self.size, rest, replace=False)
        entries = rng.permutation(np.concatenate([entries, more]))
        counts = np.bincount(entries, minlength=self.size)
        adapter.roots.assign(counts**-0.5)
        own = slice(adapter.offset, adapter.offset + adapter.index.shape[0])
        adapter.index.assign(self.arranged(layer, entries[own]))


class RandLoRA(adapters.SeededLowRank):
    """PEFT's RandLoRA for square kernels: a full-rank sum of random bases."""

    scale = 640 / 32

    def __init__(self, rank=32, seed=None):
        super().__init__(rank, seed, lr_multiplier=1.0)

    def vectors(self, layer):
        size = layer.matrix_shape[0]
        bases = -(-size // self.rank)
        return {"factor": (self.rank, bases), "gamma": (bases, size)}

    def projections(self, layer):
        size, cols = layer.matrix_shape
        wide = self.rank * -(-size // self.rank)

        def make(units, k):
            seed = matrices.derive_seed(self.seed, k)
            return projections.get("gaussian", units, seed=seed)

        return {"a": (make(self.rank, 0), size), "b": (make(cols, 1), wide)}

    def after(self, layer, y, x, values):
        a, b = (matrix(values[name]) for name in "ab")
        factor, gamma = values["factor"], values["gamma"]
        # As in PEFT, rank by bases here, and bases by rank in b.
        bases = factor[:, :, None] * ops.transpose(a)[:, None] * gamma[None]
        bases = ops.reshape(bases, (-1, a.shape[0]))
        low = layer.multiply(x, ops.transpose(bases))
        wide = layer.multiply_last(low, b) * self.scale
        return y + layer.output_axes_of(wide)

    def start(self, adapter, part, layer, seed, place):
        rng = np.random.default_rng(seed)
        for name in "ab":
            size, units = part.fixed[name].input_dim, part.fixed[name].units
            values = rng.uniform(-(3**0.5), 3**0.5, (size, units))
            set_matrix(part.fixed[name], values)
        gamma = part.variables["gamma"]
        gamma.assign(np.full(gamma.shape, 1 / max(gamma.shape)))


def kaiming(rng, projection):
    """PEFT's start of a random matrix."""
    bound = (6 / projection.input_dim) ** 0.5
    return rng.uniform(-bound, bound, (projection.input_dim, projection.units))


def matrix(projection):
    """By what a projection multiplies, scale included."""
    (weight,) = projection.weights
    return ops.convert_to_tensor(weight) * projection.input_dim**-0.5


def set_matrix(projection, values):
    """Has a projection multiply by other numbers than its seed's."""
    (weight,) = projection.weights
    weight.assign(values * projection.input_dim**0.5)


def start(model, seed):
    """Has rivals' forms in an adapted model begin as PEFT has them begin."""
    for place, layer in enumerate(adapted_layers(model)):
        for part in layer.adapter.parts:
            begin = getattr(part.form, "start", None)
            if begin:
                begin(layer.adapter, part, layer, seed, place)
