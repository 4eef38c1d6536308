"""From operands to calls of the operators that compute them."""

import keras
import torch
from keras import ops
from torch.utils.weak import WeakTensorKeyDictionary

from keras_randproj.kernels import reference
from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.triton import hadamard_operator
from keras_randproj.kernels.triton import product
from keras_randproj.kernels.triton.matrix import layout_of
from keras_randproj.kernels.triton.settings import library_is_faster
from keras_randproj.kernels.triton.settings import reads_again

# The slots of positions, and the version of the positions they belong to.
_slots: WeakTensorKeyDictionary = WeakTensorKeyDictionary()


def modulate(operands, x, alphas, scale, bias):
    """Stages of one kernel; see `kernels.triton.modulate`."""
    first, last = operands[0], operands[-1]
    structured = isinstance(first, SignedHadamard)
    scale, bias, *alphas = _tensors(x.device, scale, bias, *alphas)
    if structured:
        order = first.signs.shape[1]
        library = library_is_faster(order, str(x.dtype)[len("torch.") :])
        if library or reads_again(order):
            scale, bias, *alphas = (
                None if v is None else v.to(x.dtype)
                for v in (scale, bias, *alphas)
            )
        if library:
            return reference.modulate(operands, x, alphas, scale, bias)
    lead = x.shape[:-1]
    if len(lead) != 1:
        x = x.reshape(-1, first.input_dim)
    gain = first.gain
    for operand in operands[1:]:
        gain *= operand.factor
    if structured:
        y = _hadamard(operands, x, alphas, scale, bias, gain)
    else:
        y = _product(first, x, alphas[0], scale, bias, gain)
    return y if len(lead) == 1 else y.reshape(*lead, last.output_dim)


def _tensors(device, *vectors):
    """Variables as tensors there, in their own dtype: kernels take any."""
    found = []
    for vector in vectors:
        if vector is not None:
            if isinstance(vector, keras.Variable):
                vector = vector.value
            if vector.device != device:
                vector = vector.to(device)
        found.append(vector)
    return found


def _hadamard(operands, x, alphas, scale, bias, gain):
    first, last = operands[0], operands[-1]
    outer, inner = (first, last) if first.transposed else (last, first)
    if len(operands) == 1 and alphas[0] is None:
        alphas = []
    else:
        alphas = [
            x.new_ones(operand.input_dim) if alpha is None else alpha
            for operand, alpha in zip(operands, alphas, strict=True)
        ]
    return hadamard_operator.multiply(
        x,
        alphas,
        _tensors(x.device, *[operand.signs for operand in operands]),
        _slots_of(outer),
        scale,
        bias,
        gain,
        inner.rows,
        outer.cols,
        first.transposed,
    )


def _slots_of(operand):
    """Where each output of the transform stands among the chosen, or -1.

    They are kept as long as nothing is written to the positions.
    """
    if operand.positions is None:
        return None
    positions = ops.convert_to_tensor(operand.positions)
    outputs = operand.signs.shape[0] * operand.signs.shape[1]
    if torch.compiler.is_compiling():
        return _make_slots(positions, outputs)
    version, slots = _slots.get(positions, (None, None))
    if version != positions._version or slots.device != positions.device:
        slots = _make_slots(positions, outputs)
        _slots[positions] = positions._version, slots
    return slots


def _make_slots(positions, outputs):
    slots = positions.new_full((outputs,), -1, dtype=torch.int32)
    chosen = torch.arange(
        len(positions), dtype=torch.int32, device=positions.device
    )
    return slots.scatter(0, positions.long(), chosen)


def _product(operand, x, alpha, scale, bias, gain):
    source, layout, size = layout_of(operand)
    return product.product(
        x,
        alpha,
        ops.convert_to_tensor(source),
        scale,
        bias,
        gain * size,
        layout,
        operand.transposed,
    )
