"""Which implementations are tried where none is named."""

import keras

# For torch, by the type of device.
_BY_DEVICE = {
    "cuda": ("triton", "reference"),
    "cpu": ("torch_cpu", "reference"),
}


def automatic(x):
    """Names, fastest first; the last can always run.

    Args:
        x: The tensor that is multiplied.
    """
    if keras.backend.backend() == "torch":
        import torch

        # An exported program must not need this package.
        if not torch.compiler.is_exporting():
            return _BY_DEVICE.get(x.device.type, ("reference",))
    return ("reference",)
