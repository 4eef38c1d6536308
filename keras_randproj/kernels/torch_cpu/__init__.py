"""`implementation="torch_cpu"`: the Hadamard transform in blocks of rows."""

import keras

from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.unsupported import Unsupported


def modulate(operand, x, alpha=None, scale=None, bias=None):
    """`scale * (P^T (alpha * x)) / sqrt(input_dim) + bias`, block by block.

    Args:
        operand: The matrix P, one of `kernels.operands`.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)`, or `None` for ones.
        scale: Tensor `(output_dim,)`, or `None` for ones.
        bias: Tensor `(output_dim,)`, or `None` for zeros.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.

    Raises:
        Unsupported: If it cannot take this call; it gives every reason.
    """
    reasons = _refusals(operand, x)
    if reasons:
        raise Unsupported("; ".join(reasons))
    from keras_randproj.kernels.torch_cpu import calls

    return calls.modulate(operand, x, alpha, scale, bias)


def _refusals(operand, x):
    if keras.backend.backend() != "torch":
        return [f"the backend is {keras.backend.backend()}, not torch"]
    import torch

    reasons = []
    if torch.compiler.is_exporting():
        reasons.append("torch.export must not depend on the package")
    if x.device.type != "cpu":
        reasons.append(f"the input is on {x.device.type}, not on the CPU")
    if type(x) not in (torch.Tensor, torch.nn.Parameter):
        reasons.append(f"the input is a {type(x).__name__}")
    if not isinstance(operand, SignedHadamard):
        name = type(operand).__name__
        reasons.append(f"it computes the hadamard family, not {name}")
    return reasons
