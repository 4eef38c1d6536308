"""Plain dense layers with given weights, in the place of one layer."""

from typing import Any

import keras


@keras.saving.register_keras_serializable("keras_randproj")
class DenseLayers(keras.Sequential):
    """A `keras.Sequential` of `Dense` layers.

    They hand masks on, and it says so: of a plain one Keras warns otherwise.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.supports_masking = True


def dense_layers(
    like: Any, inputs: int, parts: list[Any], rank: int
) -> DenseLayers:
    """Dense layers that follow each other, built.

    Args:
        like: A layer whose name and dtype policy they take.
        inputs: Integer, size of the last input axis.
        parts: For each layer its kernel, its bias or `None`, and activation.
        rank: Integer, how many axes the inputs have; a `keras.Sequential`
            takes no others.

    Returns:
        `DenseLayers`.
    """
    model = DenseLayers(name=like.name)
    for kernel, bias, activation in parts:
        layer = keras.layers.Dense(
            kernel.shape[1],
            activation=activation,
            use_bias=bias is not None,
            dtype=like.dtype_policy,
        )
        model.add(layer)
    model.build((None,) * (rank - 1) + (inputs,))
    for layer, (kernel, bias, _) in zip(model.layers, parts, strict=True):
        layer.kernel.assign(kernel)
        if bias is not None:
            layer.bias.assign(bias)
    return model
