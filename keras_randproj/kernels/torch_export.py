"""Whether torch writes down a program that runs without us."""

import torch


# torch 2.11 and earlier compile `is_exporting()` to true in every program;
# here it is asked while one is compiled, and the answer kept.
@torch.compiler.assume_constant_result
def exporting():
    """Whether `torch.export` or the older `torch.jit.trace` is at work."""
    return torch.compiler.is_exporting() or torch.jit.is_tracing()
