"""`implementation="torch_cpu"`: the Hadamard transform in blocks of rows."""

import keras

from keras_randproj.kernels.devices import exporting
from keras_randproj.kernels.operands import SignedHadamard

CASTS = False


def refusals(operands, x):
    """Every reason why the blocks cannot take this call, a list."""
    found = [_refusals(operand, x) for operand in operands]
    return list(dict.fromkeys(reason for each in found for reason in each))


def modulate(operands, x, alphas, scale=None, bias=None):
    """See `kernels.modulate`."""
    from keras_randproj.kernels.torch_cpu import operator

    return operator.modulate(operands, x, alphas, scale, bias)


def _refusals(operand, x):
    if keras.backend.backend() != "torch":
        return [f"the backend is {keras.backend.backend()}, not torch"]
    import torch

    reasons = []
    if exporting():
        reasons.append("an exported program must not depend on the package")
    if x.device.type != "cpu":
        reasons.append(f"the input is on {x.device.type}, not on the CPU")
    if type(x) not in (torch.Tensor, torch.nn.Parameter):
        reasons.append(f"the input is a {type(x).__name__}")
    if not isinstance(operand, SignedHadamard):
        name = type(operand).__name__
        reasons.append(f"it computes the hadamard family, not {name}")
    return reasons
