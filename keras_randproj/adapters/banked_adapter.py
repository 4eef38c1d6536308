"""The adapters of many tenants around one layer, one for each row."""

import math
from typing import Any

from keras import ops

from keras_randproj.adapters.adapter import Adapter


class Rows:
    """Which tenant each row of the batch that is computed belongs to.

    Attributes:
        tensor: int32 tensor `(batch,)`, or `None` where the base is wanted.
        layers: The layers that the bank adapts.
    """

    def __init__(self):
        self.tensor: Any = None
        self.layers: list[Any] = []


class BankedAdapter(Adapter):
    """An `Adapter` whose learned arrays have a row for each tenant.

    Row 0 is the base: all zeros.

    Args:
        forms: List of forms.
        slots: Positive integer, rows.
        rows: The `Rows` of the bank.
        shared: A `SharedVector` of as many rows.
        offset: See `Adapter`.
    """

    def __init__(self, forms, slots, rows, shared=None, offset=0, **kwargs):
        super().__init__(forms, shared, offset, **kwargs)
        self.slots = slots
        self.rows = rows
        self.numbers: Any = None

    def build(self, input_shape):
        layer = self._layer()
        shapes = [form.vectors(layer) for form in self.forms]
        size = sum(math.prod(s) for each in shapes for s in each.values())
        # One array for all that a layer has: one look-up in a call.
        self.numbers = self.add_weight(
            (self.slots, size), "zeros", trainable=False, name="numbers"
        )
        super().build(input_shape)

    def _learned(self, layer, form, suffix):
        return {}

    def apply(self, layer, base, inputs, **arguments):
        if self.rows.tensor is None:
            y = base(inputs, **arguments)
            activation = layer.outer_activation
            return y if activation is None else activation(y)
        return super().apply(layer, base, inputs, **arguments)

    def values(self, layer):
        dtype = layer.compute_dtype
        found = ops.take(self.numbers, self.rows.tensor, axis=0)
        found = ops.cast(found, dtype)
        at = 0
        values = []
        for part in self.parts:
            own = {}
            for name, shape in part.form.vectors(layer).items():
                size = math.prod(shape)
                own[name] = ops.reshape(found[:, at : at + size], (-1, *shape))
                at += size
            if part.form.shared_size():
                vector = part.variables["vector"]
                vector = ops.take(vector, self.rows.tensor, axis=0)
                own["vector"] = ops.cast(vector, dtype)
            values.append(own | part.fixed)
        return values

    def get_config(self):
        raise NotImplementedError(
            "A bank of adapters is made from their files: save those."
        )
