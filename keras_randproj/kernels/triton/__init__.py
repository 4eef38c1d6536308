"""`implementation="triton"`: kernels for torch on CUDA devices."""

from keras_randproj.kernels.triton.requirements import refusals
from keras_randproj.kernels.triton.runs import runs as runs
from keras_randproj.kernels.unsupported import Unsupported


def modulate(operand, x, alpha=None, scale=None, bias=None):
    """`scale * (P^T (alpha * x)) / sqrt(input_dim) + bias`, fused.

    Args:
        operand: The matrix P, one of `kernels.operands`.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)`, or `None` for ones.
        scale: Tensor `(output_dim,)`, or `None` for ones.
        bias: Tensor `(output_dim,)`, or `None` for zeros.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.

    Raises:
        Unsupported: If the kernels cannot take this call; it gives every
            reason.
    """
    reasons = refusals(operand, x)
    if reasons:
        raise Unsupported("; ".join(reasons))
    # Triton is imported no earlier than a kernel is wanted.
    from keras_randproj.kernels.triton import calls

    return calls.modulate(operand, x, alpha, scale, bias)


def modulate_stages(operands, x, alphas, scale=None, bias=None):
    """Stages after each other in one kernel, then scale and bias.

    Args:
        operands: Stages that `runs` puts together.
        x: Tensor `(..., input_dim)` of the first stage.
        alphas: Tensors, `(input_dim,)` of each stage.
        scale: Tensor `(output_dim,)` of the last stage, or `None` for ones.
        bias: Tensor `(output_dim,)` of the last stage, or `None` for zeros.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.
    """
    from keras_randproj.kernels.triton import calls

    return calls.modulate_stages(operands, x, alphas, scale, bias)
