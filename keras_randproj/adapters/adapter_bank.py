"""The adapters of many tenants on one base, in one program."""

import functools
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj.adapters.attach import adapters_for
from keras_randproj.adapters.attach import surround_all
from keras_randproj.adapters.banked_adapter import BankedAdapter
from keras_randproj.adapters.banked_adapter import Rows
from keras_randproj.adapters.detach import detach
from keras_randproj.adapters.detach import refuse_adapted
from keras_randproj.adapters.load import placed
from keras_randproj.adapters.packing import unpack
from keras_randproj.adapters.recipe import records
from keras_randproj.arguments import positive_integer
from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.adapter_file import check_name
from keras_randproj.files.printable import printable
from keras_randproj.kernels.assign_row import assign_row

# Kinds whose matrices of a tenant are no matrices of a row of the batch.
ONE_KERNEL = ("Conv2D", "Embedding")


@keras.saving.register_keras_serializable("keras_randproj")
class AdapterBank(keras.Model):
    """A base model with the adapters of many tenants, one for each row.

    The numbers of all tenants lie in one array a layer, and a call looks up
    those of each row of its batch. Tenants come and go without a new program:
    the arrays have a fixed number of rows. All adapters have one recipe
    (forms, layers, seeds) and one base; a file of another is refused, and
    changes nothing. Row 0 is the base itself.

    The base model is changed in place, and computes what it did when it is
    called alone. `detach(model)` takes the bank off.

    Args:
        model: The built base model. Its layers that are adapted must have the
            batch as their first axis.
        tenants: Dict of names and paths of files; at least one, which gives
            the recipe.
        capacity: Positive integer, the most tenants at a time.
        **kwargs: Further arguments of `keras.Model`.

    Call arguments:
        inputs: The base model's input; without `names`, a pair of that and
            rows as `rows` returns them, which is what `predict` and `export`
            take.
        names: A tenant's name for each row of the batch; `None` for the base.

    Raises:
        ValueError: If a file is refused, or there are too many.

    Example:

    ```python
    bank = adapters.AdapterBank(model, {"ann": "ann.safetensors"})
    bank.add("ben", "ben.safetensors")
    y = bank(x, ["ann", "ben", None, "ann"])
    ```
    """

    def __init__(
        self,
        model: keras.Model,
        tenants: Mapping[str, Any],
        capacity: int = 64,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        capacity = positive_integer("capacity", capacity)
        if not 0 < len(tenants) <= capacity:
            raise ValueError(
                "`tenants` must hold one adapter at least, and no more than "
                f"`capacity`. Received: {len(tenants)} tenants, "
                f"capacity={capacity}"
            )
        refuse_adapted(model)
        first = _read(next(iter(tenants.values())))
        pairs, _ = placed(model, first)
        _check_kinds(pairs)
        self._current = Rows()
        slots = capacity + 1
        make = functools.partial(BankedAdapter, slots=slots, rows=self._current)
        found = adapters_for(pairs, make, slots)
        surround_all(model, found)
        self.model = model
        self._recipe = first
        # Not an attribute of the bank itself: the model has these layers.
        self._current.layers = [layer for layer, _ in found]
        for layer in self._current.layers:
            for weight in layer.adapter.weights:
                weight.trainable = False
        self._slots: dict[str, int] = {}
        self._free = list(range(capacity, 0, -1))
        if records(self._current.layers) != first.matrices:
            detach(model)
            raise ValueError(
                "The seeds of the file give other matrices than it records."
            )
        self.built = True
        for name, path in tenants.items():
            self.add(name, path)

    @property
    def names(self) -> list[str]:
        """The tenants, in the order in which they came."""
        return list(self._slots)

    def add(self, name: str, path: Any) -> None:
        """Adds a tenant, or replaces its adapter.

        Args:
            name: String.
            path: Path of the file that `save` wrote.

        Raises:
            ValueError: If the file is refused, or the bank is full. Nothing
                is changed then.
        """
        if not isinstance(name, str):
            raise ValueError(
                f"A tenant's name must be a string. Received: {name!r}"
            )
        file = _read(path)
        learned = self._learned(file)
        if name not in self._slots and not self._free:
            raise ValueError(
                f"The bank is full: it has {len(self._slots)} tenants. Remove "
                "one, or make it with a larger `capacity`."
            )
        slot = self._slots.get(name) or self._free.pop()
        self._assign(slot, learned)
        self._slots[name] = slot

    def remove(self, name: str) -> None:
        """Removes a tenant.

        Args:
            name: String.

        Raises:
            ValueError: If there is no such tenant.
        """
        (slot,) = self._rows([name])
        del self._slots[name]
        self._assign(slot, None)
        self._free.append(int(slot))

    def rows(self, names: Sequence[str | None]) -> Any:
        """The rows of tenants, for `predict` and exported models.

        Args:
            names: A tenant's name for each row of a batch; `None` for the
                base.

        Returns:
            int32 tensor `(batch,)`.

        Raises:
            ValueError: If there is no such tenant.
        """
        return ops.convert_to_tensor(self._rows(names))

    def __call__(self, inputs: Any, names: Any = None, **kwargs: Any) -> Any:
        """Outputs of a batch; see the class."""
        if names is not None:
            inputs = (inputs, self.rows(names))
        return super().__call__(inputs, **kwargs)

    def call(self, inputs: Any, training: Any = None) -> Any:
        x, rows = _pair(inputs)
        self._current.begin(rows)
        try:
            return self.model(x, training=training)
        finally:
            self._current.end()

    def compute_output_shape(self, input_shape: Any) -> Any:
        return self.model.compute_output_shape(input_shape[0])

    def get_config(self) -> dict[str, Any]:
        raise NotImplementedError(
            "A bank of adapters is made from their files: save those."
        )

    def _rows(self, names):
        if isinstance(names, str):
            raise ValueError(
                "`names` must be a sequence with a name, or `None`, for each "
                f"row. Received: names={names!r}"
            )
        unknown = {name for name in names if name is not None} - set(
            self._slots
        )
        if unknown:
            raise ValueError(
                "The bank has no such tenants. "
                f"Received: {sorted(unknown, key=str)}"
            )
        found = [0 if name is None else self._slots[name] for name in names]
        return np.array(found, "int32")

    def _learned(self, file):
        """The arrays of a file that has the bank's recipe."""
        mine, other = _recipe(self._recipe), _recipe(file)
        for what in mine:
            if other[what] != mine[what]:
                raise ValueError(
                    f"The file has other {what} than the bank's adapters. "
                    "Adapters of one recipe share a bank."
                )
        if not np.array_equal(file.fingerprints, self._recipe.fingerprints):
            raise ValueError("The file's adapter is for another base.")
        return _unpacked(self._current.layers, file)

    def _assign(self, slot, learned):
        learned = learned or {}
        shared_vectors: dict = {}
        for layer in self._current.layers:
            adapter = layer.adapter
            width = adapter.numbers.shape[1]
            arrays = learned.get(id(layer), [np.zeros(width, "float32")])
            if width:
                row = np.concatenate([array.ravel() for array in arrays])
                assign_row(adapter.numbers, slot, row)
            if adapter.shared is not None:
                shared_vectors[id(adapter.shared)] = adapter.shared
        for key, shared in shared_vectors.items():
            (vector,) = learned.get(key, [np.zeros(shared.size, "float32")])
            assign_row(shared.vector, slot, vector)


def _pair(inputs):
    """The base's inputs and a tenant's row for each row of the batch."""
    if not isinstance(inputs, (list, tuple)) or len(inputs) != 2:
        raise ValueError(
            "Call the bank as `bank(inputs, names)`, or on a pair of inputs "
            "and what `rows(names)` returns."
        )
    x, rows = inputs
    batches = {each.shape[0] for each in (*keras.tree.flatten(x), rows)}
    if len(batches - {None}) > 1:
        raise ValueError(
            "Each row of the batch needs a tenant of its own. Received: "
            f"{rows.shape[0]} names for inputs of shape "
            f"{[tuple(each.shape) for each in keras.tree.flatten(x)]}"
        )
    return x, rows


def _read(path):
    check_name(path)
    return AdapterFile.read(path)


def _check_kinds(pairs):
    for layer, forms in pairs:
        kind = type(layer).__name__
        for form in forms:
            if kind in ONE_KERNEL and form.order:
                raise ValueError(
                    f"Layer '{printable(layer.path)}' ({kind}) computes all "
                    f"rows with one kernel: a bank cannot hold {form!r} of it."
                )


def _recipe(file):
    """What adapters of one bank share; a path may have been counted up."""
    return {
        "forms": file.forms,
        "layers": [(p.kind, p.shape, p.forms) for p in file.layers],
        "matrices": file.matrices,
    }


def _unpacked(layers, file):
    """Arrays by the id of the layer or shared vector that holds them."""
    owners, shapes = [], []
    for layer in layers:
        shared = layer.adapter.shared
        for form in layer.adapter.forms:
            for shape in form.vectors(layer).values():
                owners.append(id(layer))
                shapes.append(shape)
            if form.shared_size() and id(shared) not in owners:
                owners.append(id(shared))
                shapes.append((form.shared_size(),))
    found: dict = {}
    arrays = unpack(file.vectors, file.scales, shapes)
    for owner, array in zip(owners, arrays, strict=True):
        found.setdefault(owner, []).append(array)
    return found
