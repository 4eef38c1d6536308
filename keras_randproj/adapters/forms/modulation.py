"""Vectors around a layer's own kernel."""

from typing import Any

import numpy as np

from keras_randproj import kernels
from keras_randproj.adapters.forms.form import Form


class Modulation(Form):
    """Trains vectors around a trained kernel: `PRPDense` with W for P.

    The layer computes, with `*` element-wise,

        y = activation(scale * (W^T (alpha * x)) + bias)

    where alpha and scale start at one and bias at the layer's own. What is
    learned and stored is how far they moved: zeros leave the layer as it is.
    Alpha alone with scale is IA3, bias alone BitFit, and scale the magnitudes
    of DoRA. An `Embedding` has no input to modulate; a `Conv2D` has one entry
    a channel.

    Args:
        alpha: Boolean, whether inputs are scaled.
        scale: Boolean, whether outputs are scaled.
        bias: Boolean, whether outputs are shifted.
        lr_multiplier: Positive float. Alpha and scale are stored divided by
            it, and learn as if the learning rate were multiplied. The bias
            is stored as it is.

    Raises:
        ValueError: If all three are false, or the multiplier is not positive.

    Reference:
        Szorc, "Element-wise Modulation of Random Matrices for Efficient
        Neural Layers", arXiv 2512.13480; Liu et al. (IA3), arXiv 2205.05638;
        Ben Zaken et al. (BitFit), arXiv 2106.10199.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(4, name="hidden")])
    >>> attach(model, {"hidden": Modulation()})
    >>> sum(w.shape[0] for w in model.trainable_weights)  # 8 + 4 + 4
    16
    """

    argument_types = {
        "alpha": bool,
        "scale": bool,
        "bias": bool,
        "lr_multiplier": float,
    }
    order = 0
    kinds = ("Dense", "EinsumDense", "Conv2D", "Embedding")

    def __init__(
        self,
        alpha: bool = True,
        scale: bool = True,
        bias: bool = True,
        lr_multiplier: float = 10.0,
    ) -> None:
        super().__init__(lr_multiplier)
        self.alpha = bool(alpha)
        self.scale = bool(scale)
        self.bias = bool(bias)
        if not (alpha or scale or bias):
            raise ValueError(
                "`Modulation` needs one of alpha, scale and bias. "
                f"Received: alpha={alpha}, scale={scale}, bias={bias}"
            )

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        sizes = {
            "alpha": layer.input_channels if self.alpha else 0,
            "scale": layer.matrix_shape[1] if self.scale else 0,
            "bias": layer.matrix_shape[1] if self.bias else 0,
        }
        found: dict[str, tuple[int, ...]] = {
            name: (size,) for name, size in sizes.items() if size
        }
        if not found:
            raise ValueError(
                f"{self} learns nothing for an Embedding, which has no inputs "
                "to scale."
            )
        return found

    def multiplier(self, name: str) -> float:
        return 1.0 if name == "bias" else self.lr_multiplier

    def before(self, layer: Any, x: Any, values: dict) -> Any:
        if "alpha" not in values:
            return x
        alpha = layer.along_input(1.0 + values["alpha"], x)
        return kernels.scaled(x, alpha, layer.adapter.scratch)

    def output_scale(self, values: dict) -> Any:
        return 1.0 + values["scale"] if "scale" in values else None

    def output_shift(self, values: dict) -> Any:
        return values.get("bias")

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        if "alpha" in values:
            alpha = 1 + values["alpha"]
            # The rows of a convolution repeat its channels.
            alpha = np.tile(alpha, len(kernel) // len(alpha))
            kernel = alpha[:, None] * kernel
        if "scale" in values:
            kernel = kernel * (1 + values["scale"])
        return kernel, bias + values.get("bias", 0.0)
