"""An update of all entries of a kernel."""

from typing import Any

import numpy as np

from keras_randproj.adapters.forms.form import Form


class FullRank(Form):
    """Trains every entry of a layer's kernel: for a small layer.

    A classifier on top of an adapted encoder is a few hundred numbers, which
    differ from task to task: this form puts them into the same file. The
    output, before the activation, gets `x update`, zero at the start.

    Args:
        lr_multiplier: Positive float, see `Modulation`.

    Raises:
        ValueError: If the multiplier is not positive.

    Example:

    >>> FullRank()
    FullRank(lr_multiplier=1.0)
    """

    kinds = ("Dense", "EinsumDense", "Conv2D", "Embedding")

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        return {"update": layer.matrix_shape}

    def after(self, layer: Any, y: Any, x: Any, values: dict) -> Any:
        wide = layer.multiply(x, values["update"])
        return y + layer.output_axes_of(wide)

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        return kernel + values["update"], bias
