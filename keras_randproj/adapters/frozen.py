"""What an adapter's base trains while it is frozen, and before and after."""

from keras_randproj import _keras


class Flags:
    """Whether the layers and weights of a model were trainable.

    Args:
        model: A built model.
    """

    def __init__(self, model):
        self.layers = [
            (layer, layer.trainable) for layer in _keras.layers_in(model)
        ]
        self.weights = [(w, w.trainable) for w in model.weights]

    def restore(self):
        """Sets all as it was."""
        # A layer hands its flag down, so those that hold others come first.
        for layer, trainable in self.layers:
            layer.trainable = trainable
        for weight, trainable in self.weights:
            weight.trainable = trainable


def freeze(model, adapted):
    """Freezes all but what adapters learn.

    Layers with an adapter in them stay trainable, as an untrainable layer
    has no trainable weights at all; their own weights do not. All others are
    frozen as layers, so that statistics of theirs stay as they are.

    Args:
        model: A built model.
        adapted: List of the `AdaptedLayer` in it.
    """
    learned = {
        id(variable)
        for layer in adapted
        for part in layer.adapter.parts
        for variable in part.variables.values()
    }
    adapters = {
        id(part)
        for layer in adapted
        for part in _keras.layers_in(layer.adapter)
    }
    model.trainable = True
    for layer in _keras.layers_in(model):
        inside = {id(part) for part in _keras.layers_in(layer)}
        if not inside & adapters:
            layer.trainable = False
    for weight in model.weights:
        weight.trainable = id(weight) in learned
