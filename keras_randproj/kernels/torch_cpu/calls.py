"""From an operand to a call of the operator that computes it."""

from keras import ops

from keras_randproj.kernels.reference import split_gain
from keras_randproj.kernels.torch_cpu.operator import hadamard


def modulate(operand, x, alpha, scale, bias):
    """The product in blocks; see `kernels.torch_cpu.modulate`."""
    alpha, scale, bias, signs, positions = (
        None if value is None else ops.convert_to_tensor(value)
        for value in (alpha, scale, bias, operand.signs, operand.positions)
    )
    lead = x.shape[:-1]
    y = hadamard(
        x.reshape(lead.numel(), operand.input_dim),
        alpha,
        scale,
        bias,
        signs,
        positions,
        *split_gain(operand.input_dim),
        operand.rows,
        operand.cols,
        operand.transposed,
    )
    return y.reshape(*lead, operand.output_dim)
