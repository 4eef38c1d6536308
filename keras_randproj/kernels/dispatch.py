"""Which implementation computes a projection.

A named implementation that cannot run raises with its reasons and never falls
back; `None` tries those meant for the device and ends at the reference.
Programs made by `torch.export` hold the reference, whatever is named.
"""

from keras_randproj import config
from keras_randproj.arguments import one_of
from keras_randproj.kernels import pallas
from keras_randproj.kernels import reference
from keras_randproj.kernels import torch_cpu
from keras_randproj.kernels import triton
from keras_randproj.kernels.devices import automatic
from keras_randproj.kernels.devices import exporting
from keras_randproj.kernels.unsupported import Unsupported

# Each module has a `modulate`, and imports its compiler when that is called.
IMPLEMENTATIONS = {
    "triton": triton,
    "pallas": pallas,
    "torch_cpu": torch_cpu,
    "reference": reference,
}
# Those that compute several stages in one kernel.
FUSING = {"triton": triton}


def check_implementation(name):
    """`name`, if an implementation has it or it is `None`.

    Raises:
        ValueError: If there is no such implementation.
    """
    if name is None:
        return None
    return one_of("implementation", name, tuple(IMPLEMENTATIONS))


def modulate(
    operand, x, alpha=None, scale=None, bias=None, implementation=None
):
    """`scale * (P^T (alpha * x)) / sqrt(input_dim) + bias`.

    Args:
        operand: The matrix P, one of `kernels.operands`.
        x: Tensor `(..., input_dim)`.
        alpha: Tensor `(input_dim,)`, or `None` for ones.
        scale: Tensor `(output_dim,)`, or `None` for ones.
        bias: Tensor `(output_dim,)`, or `None` for zeros.
        implementation: A name, or `None` for `config.implementation()` and,
            failing that, the first that can run on x's device.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.

    Raises:
        RuntimeError: If the implementation asked for cannot take this call.
    """
    reasons = []
    for name in _candidates(x, implementation):
        module = IMPLEMENTATIONS[name]
        try:
            return module.modulate(operand, x, alpha, scale, bias)
        except Unsupported as reason:
            reasons.append(f"{name}: {reason}")
    raise RuntimeError(
        "No implementation can compute this projection.\n" + "\n".join(reasons)
    )


def modulate_stages(
    operands, x, alphas, scale=None, bias=None, implementation=None
):
    """Projections that follow each other, each `P^T (alpha * x)`.

    Args:
        operands: The matrices, each one of `kernels.operands`.
        x: Tensor `(..., input_dim)` of the first stage.
        alphas: Tensors, `(input_dim,)` of each stage.
        scale: Tensor `(output_dim,)` of the last stage, or `None` for ones.
        bias: Tensor `(output_dim,)` of the last stage, or `None` for zeros.
        implementation: As in `modulate`.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.

    Raises:
        RuntimeError: If the implementation asked for cannot take a stage.
    """
    fusing = FUSING.get(_candidates(x, implementation)[0])
    every = [(k, k + 1) for k in range(len(operands))]
    for start, stop in fusing.runs(operands, x) if fusing else every:
        last = stop == len(operands)
        vectors = scale if last else None, bias if last else None
        if fusing and stop - start > 1:
            run = slice(start, stop)
            x = fusing.modulate_stages(operands[run], x, alphas[run], *vectors)
        else:
            one = operands[start], x, alphas[start]
            x = modulate(*one, *vectors, implementation)
    return x


def _candidates(x, implementation):
    """Names of those to try, in turn."""
    chosen = implementation or config.implementation()
    if chosen is None or exporting():
        return automatic(x)
    return (chosen,)
