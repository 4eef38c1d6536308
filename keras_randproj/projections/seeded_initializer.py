"""The initializer of weights that are a function of a seed."""

from typing import Any

import keras

from keras_randproj.kernels import shards


class SeededInitializer(keras.initializers.Initializer):
    """Fills a weight with what a seed gives for it.

    Where the weight is spread over devices, each device's part is made alone,
    so that nothing ever holds the whole.

    Args:
        block: Function of one `(start, stop)` an axis, and a dtype, that
            returns this part of the weight as a NumPy array. It may return
            another dtype.
        divisible: Boolean, whether `block` makes a part in less time and
            memory than the whole.
    """

    def __init__(self, block, divisible=True):
        self.block = block
        self.divisible = divisible
        self.adding = False
        self.layout: Any = None

    def add_weight(self, layer, name, shape, dtype=None, autocast=True):
        """A non-trainable weight of the layer, filled; see `add_weight` there.

        Keras copies what an initializer returns for a layout, and would need
        twice the memory: it gets nothing here, and the value is assigned.
        Where Keras calls the initializer later, it gets the value.
        """
        self.adding = True
        weight = layer.add_weight(
            shape,
            self,
            dtype,
            trainable=False,
            autocast=autocast,
            name=name,
        )
        self.adding = False
        if self.layout is not None:
            weight.assign(self._spread(shape, weight.dtype, self.layout))
        return weight

    def __call__(self, shape, dtype=None, layout=None):
        if layout is None:
            spans = tuple((0, size) for size in shape)
            return keras.ops.convert_to_tensor(self.block(spans, None), dtype)
        layout = shards.concrete(layout)
        if self.adding:
            self.layout = layout
            return None
        return self._spread(shape, dtype, layout)

    def like(self, weight):
        """What the seed gives, as a tensor of the weight's dtype and layout."""
        layout = shards.layout(weight.value)
        if layout is None:
            return self(weight.shape, dtype=weight.dtype)
        return self._spread(weight.shape, weight.dtype, layout)

    def _spread(self, shape, dtype, layout):
        block = self.block
        if not self.divisible:
            whole = block(tuple((0, size) for size in shape), None)

            def block(spans, dtype):
                return whole[tuple(slice(*span) for span in spans)]

        return shards.make(block, shape, dtype, layout)
