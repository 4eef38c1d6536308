"""The adapters of many tenants around one layer, one for each row."""

import math
from typing import Any

from keras import ops

from keras_randproj import kernels
from keras_randproj.adapters.adapter import Adapter


class Rows:
    """Which tenant each row of the batch that is computed belongs to.

    Attributes:
        tensor: int32 tensor `(batch,)`, or `None` where the base is wanted.
        layers: The layers that the bank adapts.
        signed: Dict, what rows have of vectors that layers share.
        scratch: Dict, memory that the layers use one after the other.
    """

    def __init__(self):
        self.tensor: Any = None
        self.layers: list[Any] = []
        self.signed: dict[Any, Any] = {}
        self.scratch: dict[Any, Any] = {}

    def begin(self, tensor):
        """A batch: looks up what all layers share, once."""
        self.tensor = tensor
        for layer in self.layers:
            layer.adapter.look_up(layer.compute_dtype)

    def end(self):
        """No batch is computed."""
        self.tensor = None
        self.signed = {}
        self.scratch = {}


class BankedAdapter(Adapter):
    """An `Adapter` whose learned arrays have a row for each tenant.

    Row 0 is the base: all zeros.

    Args:
        forms: List of forms.
        shared: A `SharedVector` of as many rows as `slots`, or `None`.
        offset: See `Adapter`.
        slots: Positive integer, rows.
        rows: The `Rows` of the bank.
    """

    in_place = True

    def __init__(self, forms, shared, offset, slots, rows, **kwargs):
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

    @property
    def scratch(self):
        """Memory for what a layer needs before the next one does."""
        return self.rows.scratch

    def look_up(self, dtype):
        """Has `rows` hold what its tenants have of the shared vector."""
        key = id(self.shared), dtype
        for part in self.parts:
            if part.form.shared_size() and key not in self.rows.signed:
                vector = part.variables["vector"]
                vector = kernels.take_rows(vector, self.rows.tensor)
                vector = ops.cast(vector, dtype)
                roots = part.fixed["roots"]
                self.rows.signed[key] = part.form.signed(vector, roots)

    def values(self, layer):
        if self.rows.tensor is None:
            return []
        dtype = layer.compute_dtype
        if self.numbers.shape[1]:
            found = kernels.take_rows(self.numbers, self.rows.tensor)
            found = ops.cast(found, dtype)
        at = 0
        values = []
        for part in self.parts:
            own = {}
            for name, shape in part.form.vectors(layer).items():
                size = math.prod(shape)
                own[name] = kernels.reshape(
                    found[:, at : at + size], (-1, *shape)
                )
                at += size
            if part.form.shared_size():
                own["signed"] = self.rows.signed[id(self.shared), dtype]
            values.append((part.form, own | part.fixed))
        return values

    def get_config(self):
        raise NotImplementedError(
            "A bank of adapters is made from their files: save those."
        )
