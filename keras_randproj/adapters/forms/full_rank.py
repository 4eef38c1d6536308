"""An update of all entries of a kernel."""

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

    def vectors(self, layer):
        return {"update": layer.matrix_shape}

    def after(self, layer, y, x, values):
        wide = layer.multiply(x, values["update"])
        return y + layer.output_axes_of(wide)

    def fold(self, layer, kernel, bias, values):
        return kernel + values["update"], bias
