"""What a call of a layer must compute and move, and how fast that can be."""

import math
from dataclasses import dataclass

import keras

from keras_randproj import kernels
from keras_randproj.arguments import positive_integer
from keras_randproj.layers import EUGenDense
from keras_randproj.layers import PRPDense
from keras_randproj.layers import PRPMultiHeadAttention
from keras_randproj.layers.attention.parts import attention_parts
from keras_randproj.layers.attention.parts import is_attention
from keras_randproj.matrices.hadamard import factors
from keras_randproj.report.sizes import count
from keras_randproj.report.sizes import itemsize
from keras_randproj.report.sizes import nbytes


@dataclass(frozen=True)
class Cost:
    """Work of one call.

    Args:
        flops: Integer, floating point operations; a multiplication with its
            addition counts two.
        bytes: Integer, bytes that cross the memory's bus if each array is
            read or written once: input, output and weights.

    Example:

    >>> work = Cost(flops=2_000_000, bytes=4_000)
    >>> work.seconds(flops_per_second=1e9, bytes_per_second=1e9)
    0.002
    """

    flops: int
    bytes: int

    def seconds(
        self, flops_per_second: float, bytes_per_second: float
    ) -> float:
        """The roofline: no call can be faster than this on a machine.

        Args:
            flops_per_second: Positive float, of the machine.
            bytes_per_second: Positive float, of its memory.

        Returns:
            Float.
        """
        return max(self.flops / flops_per_second, self.bytes / bytes_per_second)


def cost(layer: keras.layers.Layer, batch: int) -> Cost:
    """The work of a layer's forward pass.

    Matrix products count as they are computed (a Hadamard projection as its
    two small products), and the element-wise work of its vectors one
    operation each. A matrix with `storage="seed"` has no bytes.

    Args:
        layer: A built `Dense`, `PRPDense` or `EUGenDense`.
        batch: Positive integer, rows of the input.

    Returns:
        A `Cost`.

    Raises:
        ValueError: If the layer is none of these, or not built.

    Example:

    >>> layer = keras.layers.Dense(10)
    >>> layer.build((None, 20))
    >>> cost(layer, batch=3)
    Cost(flops=1230, bytes=1200)
    """
    batch = positive_integer("batch", batch)
    products = multiplications(layer) if layer.built else 0
    spec = layer.input_spec
    if not products or not hasattr(layer, "units") or spec is None:
        raise ValueError(
            "`layer` must be a built Dense, PRPDense or EUGenDense. "
            f"Received: layer={layer}"
        )
    inputs = spec.axes[-1]
    vectors = [w for w in layer.trainable_weights if len(w.shape) == 1]
    width = itemsize(layer.compute_dtype)
    return Cost(
        flops=batch * (2 * products + count(vectors)),
        bytes=nbytes(layer.weights) + batch * (inputs + layer.units) * width,
    )


def multiplications(layer):
    """Multiplications of a layer's matrix products for one row.

    A Hadamard projection counts its two small products; element-wise work is
    left out.

    Args:
        layer: A built `Dense`, `EinsumDense`, `PRPDense` or `EUGenDense`, or
            multi-head attention, of which the projections count.

    Returns:
        Integer; 0 for any other layer.
    """
    if isinstance(layer, (keras.layers.Dense, keras.layers.EinsumDense)):
        return math.prod(layer.kernel.shape)
    if isinstance(layer, PRPDense):
        rank = layer.residual_rank * (layer.projection.input_dim + layer.units)
        return rank + sum(_of_projection(p) for p in layer.projections)
    if isinstance(layer, EUGenDense):
        features = layer.features
        parts = [features.neurons, features.residual, layer.head]
        trained = sum(map(multiplications, filter(None, parts)))
        return trained + sum(map(_of_factor, features.factors))
    if is_attention(layer) or isinstance(layer, PRPMultiHeadAttention):
        return sum(map(multiplications, attention_parts(layer)))
    return 0


def _of_factor(factor):
    if factor.kernel is not None:
        return math.prod(factor.kernel.shape)
    return sum(
        multiplications(block)
        if isinstance(block, PRPDense)
        else _of_projection(block)
        for block in factor.blocks
    )


def _of_projection(projection):
    operand = projection.held.operands[0]
    if isinstance(operand, kernels.SignedHadamard):
        groups, order = operand.signs.shape
        return groups * order * sum(factors(order))
    return operand.rows * operand.cols
