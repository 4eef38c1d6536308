"""What a layer costs for one row of input."""

import math

import keras

from keras_randproj import kernels
from keras_randproj.layers import EUGenDense
from keras_randproj.layers import PRPDense
from keras_randproj.layers import PRPMultiHeadAttention
from keras_randproj.projections import Projection
from keras_randproj.transfer.attention import attention_parts
from keras_randproj.transfer.attention import is_attention


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
        factors = layer.features.factors
        return math.prod(layer.kernel.shape) + sum(map(_of_factor, factors))
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


def _of_projection(projection: Projection):
    operand = projection.operand()
    if isinstance(operand, kernels.SignedHadamard):
        groups, order = operand.signs.shape
        return groups * order * sum(kernels.factors(order))
    return operand.rows * operand.cols
