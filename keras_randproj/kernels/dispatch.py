"""Which implementation computes a projection.

A named implementation that cannot run raises with its reasons and never falls
back; `None` tries those meant for the device and ends at the reference.
Programs made by `torch.export` or `torch.jit.trace` hold the reference,
whatever is named.
"""

import contextlib

from keras import ops

from keras_randproj.arguments import one_of
from keras_randproj.kernels import portable
from keras_randproj.kernels import reference
from keras_randproj.kernels import torch_cpu
from keras_randproj.kernels import triton
from keras_randproj.kernels.devices import automatic
from keras_randproj.kernels.devices import exporting

# Each has `refusals` and `modulate`, and imports its compiler in the latter;
# `CASTS` says whether its kernels read vectors of any dtype.
IMPLEMENTATIONS = {
    "triton": triton,
    "torch_cpu": torch_cpu,
    "portable": portable,
    "reference": reference,
}

_default: str | None = None
_forced: str | None = None


def modulate(operands, x, alphas, scale=None, bias=None, implementation=None):
    """Projections that follow each other, then scale and bias.

    Each stage computes `P^T (alpha * x) / sqrt(input_dim)`.

    Args:
        operands: The matrices P, a list of `kernels.operands`.
        x: Tensor `(..., input_dim)` of the first.
        alphas: For each a tensor or variable `(input_dim,)`, or `None` for
            ones, of any floating-point dtype, as the next two.
        scale: That of the last, `(output_dim,)`, or `None` for ones.
        bias: That of the last, `(output_dim,)`, or `None` for zeros.
        implementation: A name, or `None` for `default()` and, failing that,
            the first that can run on x's device.

    Returns:
        Tensor `(..., output_dim)` of x's dtype.

    Raises:
        RuntimeError: If the implementation asked for cannot take this call.
    """
    reasons = []
    for name in _candidates(operands, x, implementation):
        module = IMPLEMENTATIONS[name]
        refused = module.refusals(operands, x)
        if not refused:
            if not module.CASTS:
                alphas = [_cast(alpha, x) for alpha in alphas]
                scale, bias = _cast(scale, x), _cast(bias, x)
            return module.modulate(operands, x, alphas, scale, bias)
        reasons.append(f"{name}: {'; '.join(refused)}")
    raise RuntimeError(
        "No implementation can compute this projection.\n" + "\n".join(reasons)
    )


def _cast(vector, x):
    return None if vector is None else ops.cast(vector, x.dtype)


def check_implementation(name):
    """`name`, if an implementation has it or it is `None`.

    Raises:
        ValueError: If there is no such implementation.
    """
    if name is None:
        return None
    return one_of("implementation", name, tuple(IMPLEMENTATIONS))


def default():
    """The implementation of calls that name none; `None` for the fastest."""
    return _default


def set_default(name):
    """Sets `default()` for this process.

    Raises:
        ValueError: If there is no such implementation.
    """
    global _default
    _default = check_implementation(name)


@contextlib.contextmanager
def forced(name):
    """Every call is computed by one implementation, whatever it names.

    Args:
        name: String.
    """
    global _forced
    before, _forced = _forced, check_implementation(name)
    try:
        yield
    finally:
        _forced = before


def _candidates(operands, x, implementation):
    """Names of those to try, in turn."""
    if _forced is not None:
        return (_forced,)
    chosen = implementation or _default
    if chosen is None or exporting():
        return automatic(operands, x)
    return (chosen,)
