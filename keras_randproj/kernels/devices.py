"""Which implementations are tried where none is named."""

import keras


def automatic(x):
    """Names, fastest first; the last can always run.

    Args:
        x: The tensor that is multiplied.
    """
    if keras.backend.backend() == "torch":
        import torch

        # An exported program must not need this package.
        if x.device.type == "cuda" and not torch.compiler.is_exporting():
            return ("triton", "reference")
        # A compiler fuses and plans memory itself.
        if x.device.type == "cpu" and not torch.compiler.is_compiling():
            return ("torch_cpu", "reference")
    return ("reference",)


def in_torch_compile():
    """Whether `torch.compile` is tracing (and not `torch.export`)."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.compiler.is_compiling() and not torch.compiler.is_exporting()
