"""LoRA."""

from typing import Any

import keras
import numpy as np

from keras_randproj.adapters.forms.form import Form
from keras_randproj.arguments import positive_integer


class LowRank(Form):
    """LoRA: adds the product of two learned matrices to the kernel.

    The output, before the activation, gets `(x a) b`, with a drawn at
    random and b zero at the start. Files hold both.

    Args:
        rank: Positive integer.
        lr_multiplier: Positive float, see `Modulation`; of both matrices.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", arXiv
        2106.09685.

    Example:

    >>> LowRank(rank=4)
    LowRank(rank=4, lr_multiplier=1.0)
    """

    argument_types = {"rank": int, "lr_multiplier": float}
    kinds = ("Dense", "EinsumDense", "Conv2D", "Embedding")

    def __init__(self, rank: int = 4, lr_multiplier: float = 1.0) -> None:
        super().__init__(lr_multiplier)
        self.rank = positive_integer("rank", rank)

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        rows, cols = layer.matrix_shape
        return {"a": (rows, self.rank), "b": (self.rank, cols)}

    def initializer(self, name: str) -> Any:
        return keras.initializers.HeUniform() if name == "a" else "zeros"

    def after(self, layer: Any, y: Any, x: Any, values: dict) -> Any:
        low = layer.multiply(x, values["a"])
        return layer.add_product(y, low, values["b"])

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        return kernel + values["a"] @ values["b"], bias
