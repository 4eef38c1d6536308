"""An activation of a modulated product, of which a gradient keeps little.

The gradient of a scale needs the product, and that of an activation what it
was applied to: as large again, and made of the product in a moment. XLA makes
it again in the backward pass. On the other backends Keras's `remat` cannot be
differentiated by all means that a layer can, such as `torch.func`.
"""

import keras

from keras_randproj.kernels.fused import scale_and_shift


def activated(activation, y, scale=None, shift=None, in_place=False):
    """`activation(y * scale + shift)`, for which a gradient keeps `y` alone.

    All but `y` may be `None`; for `in_place`, see `kernels.fused`.
    """
    if activation is None or not _recomputes(activation):
        y = scale_and_shift(y, scale, shift, in_place)
        return y if activation is None else activation(y)
    given = {"scale": scale, "shift": shift}
    given = {name: value for name, value in given.items() if value is not None}

    def finish(y, given):
        vectors = {"scale": None, "shift": None, **given}
        return activation(scale_and_shift(y, **vectors))

    return keras.remat(finish)(y, given)


def _recomputes(activation):
    """Keras's own are functions of their argument; others may draw numbers."""
    name = getattr(activation, "__name__", "")
    return (
        keras.backend.backend() == "jax"
        and getattr(keras.activations, name, None) is activation
        and activation is not keras.activations.linear
    )
