"""A layer on one axis in the place of an `EinsumDense` on several."""

import math
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
from keras import ops

from keras_randproj._types import Config
from keras_randproj._types import Shape
from keras_randproj._types import Tensor


@keras.saving.register_keras_serializable("keras_randproj")
class AxesAdapter(keras.layers.Layer):
    """Lets a layer on one axis stand for an `EinsumDense` on several.

    Args:
        layer: Layer from the flattened input axes to flattened outputs.
        input_axes: Positive integer, how many last axes are contracted.
        output_axes: Tuple of integers, the shape of an output.

    Input shape:
        `(batch, ..., inputs)`, where `input_axes` axes are contracted.

    Output shape:
        `(batch, ..., *output_axes)`.

    Example:

    >>> layer = AxesAdapter(PRPDense(6), input_axes=2, output_axes=(2, 3))
    >>> layer(keras.ops.ones((5, 4, 4))).shape
    (5, 2, 3)
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        input_axes: int,
        output_axes: Sequence[int],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.input_axes = input_axes
        self.output_axes = tuple(output_axes)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if not self.layer.built:
            width: Any = math.prod(input_shape[-self.input_axes :])
            self.layer.build((None, width))

    def call(self, inputs: Tensor) -> Tensor:
        shape = ops.shape(inputs)
        lead = shape[: len(shape) - self.input_axes]
        width = math.prod(inputs.shape[-self.input_axes :])
        y = self.layer(ops.reshape(inputs, (*lead, width)))
        return ops.reshape(y, (*lead, *self.output_axes))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[: -self.input_axes], *self.output_axes)

    def get_config(self) -> Config:
        config = {
            "layer": keras.saving.serialize_keras_object(self.layer),
            "input_axes": self.input_axes,
            "output_axes": self.output_axes,
        }
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        layer = keras.saving.deserialize_keras_object(config["layer"])
        return cls(**{**config, "layer": layer})
