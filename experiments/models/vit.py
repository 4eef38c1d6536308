"""A small vision transformer around any stack of blocks."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("tutorials")
class Patches(keras.layers.Layer):
    """Images as rows of patches, and a learned place for each.

    Args:
        size: Positive integer, side of a patch.
        width: Positive integer, features of a patch.
    """

    def __init__(self, size, width, **kwargs):
        super().__init__(**kwargs)
        self.size = size
        self.width = width
        self.embed = keras.layers.Dense(width, name="embed")

    def build(self, input_shape):
        _, height, across, channels = input_shape
        self.count = (height // self.size) * (across // self.size)
        self.embed.build((None, None, self.size**2 * channels))
        self.places = self.add_weight(
            (self.count, self.width),
            keras.initializers.RandomNormal(stddev=0.02),
            name="places",
        )

    def call(self, images):
        patches = ops.image.extract_patches(images, self.size)
        rows = (-1, self.count, patches.shape[-1])
        return self.embed(ops.reshape(patches, rows)) + self.places

    def compute_output_shape(self, input_shape):
        _, height, across, _ = input_shape
        count = (height // self.size) * (across // self.size)
        return (input_shape[0], count, self.width)

    def get_config(self):
        config = {"size": self.size, "width": self.width}
        return {**super().get_config(), **config}


def vit(shape, patch, width, blocks, classes):
    """Patches, blocks, a norm, the mean over patches and a dense head.

    Args:
        shape: Tuple, of an image.
        patch: Positive integer, side of a patch.
        width: Positive integer, features of a patch.
        blocks: List of `PRPTransformerBlock`.
        classes: Positive integer.

    Returns:
        Functional model from images in [0, 1] to logits.
    """
    images = keras.Input(shape)
    x = Patches(patch, width, name="patches")(images * 4.0 - 2.0)
    for block in blocks:
        x = block(x)
    x = keras.layers.LayerNormalization(epsilon=1e-5, name="norm")(x)
    x = keras.layers.GlobalAveragePooling1D()(x)
    return keras.Model(images, keras.layers.Dense(classes, name="head")(x))
