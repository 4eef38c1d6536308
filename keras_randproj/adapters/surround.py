"""Changes a layer into one with an adapter, and back."""

import contextlib

import keras

from keras_randproj import _keras
from keras_randproj.adapters.adapted_conv2d import AdaptedConv2D
from keras_randproj.adapters.adapted_dense import AdaptedDense
from keras_randproj.adapters.adapted_einsum_dense import AdaptedEinsumDense
from keras_randproj.adapters.adapted_embedding import AdaptedEmbedding

CLASSES: dict = {
    cls.base_class: cls
    for cls in (
        AdaptedConv2D,
        AdaptedDense,
        AdaptedEinsumDense,
        AdaptedEmbedding,
    )
}


def surround(layer, adapter):
    """Puts an adapter around what a layer computes.

    Args:
        layer: A built layer of one of `CLASSES`.
        adapter: An `Adapter`, not built.
    """
    with contextlib.ExitStack() as scopes:
        for part in (layer.path or layer.name).split("/"):
            scopes.enter_context(keras.name_scope(part))
        scopes.enter_context(_keras.unlocked(layer))
        layer.__class__ = CLASSES[type(layer)]
        layer.enclose(adapter)
        try:
            adapter.build_for(layer)
        except ValueError:
            remove(layer)
            raise


def remove(layer):
    """Makes an `AdaptedLayer` what it was, with its own weights."""
    with _keras.unlocked(layer) as tracker:
        tracker.untrack(layer.adapter)
        layer.release()
        layer.__class__ = layer.base_class
