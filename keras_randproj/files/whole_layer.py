"""Layers that are loaded whole or not at all."""

import weakref
from collections.abc import Callable
from typing import Any

import keras

from keras_randproj import _keras
from keras_randproj.files.read_arrays import read_arrays
from keras_randproj.files.sizes import check_sizes


class WholeLayer(keras.layers.Layer):
    """A layer whose load succeeds for all that it holds, or changes nothing.

    Keras loads a model layer by layer, and goes on where one refuses. Each
    layer of this class therefore only reads and checks what is its own; when
    the last layer inside the outermost one has done so, all assign. Where one
    refuses, none does. Keras's own layers inside take part.

    A subclass implements `read_own_variables`.
    """

    _load: "_Load | None" = None

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        """Checks what a file holds for this layer, without assigning it.

        Args:
            store: Dict-like store of arrays.

        Returns:
            Function without arguments that assigns what was read.

        Raises:
            ValueError: If the layer cannot take it.
        """
        if store.keys():
            raise ValueError(
                f"{self.described} has nothing of its own in a file. "
                f"Received: {sorted(store.keys())}. Build the layer with the "
                "arguments of the one that was saved."
            )
        return _nothing

    def load_own_variables(self, store: Any) -> None:
        load = self._load
        if load is None or not load.awaits(self, store):
            load = self._begin(store)
        load.take(self, lambda: self.read_own_variables(store))

    def _begin(self, store):
        """The load that this layer is the outermost one of."""
        last = self._load
        # Keras tries a layer that refused again under its other names, where
        # the file holds nothing: the first reason is the one.
        if last is not None and last.refusal and last.is_of(store):
            return last
        load = self._load = _Load(store)
        for part in _keras.layers_in(self):
            if not isinstance(part, WholeLayer):
                _wait_for(part, load)
            elif not part._was_loaded(store):
                load.waiting.add(id(part))
                part._load = load
        try:
            check_sizes(store, self.described)
        except ValueError as error:
            load.refusal = str(error)
        return load

    def _was_loaded(self, store):
        """Whether this load has reached the layer already, elsewhere."""
        last = self._load
        if last is None or not last.is_of(store):
            return False
        return not last.waiting and not last.refusal

    def require_built(self, method: str) -> None:
        """Refuses a call of `method` before the layer is built.

        Raises:
            ValueError: If the layer is not built.
        """
        if not self.built:
            raise ValueError(
                f"`{method}()` needs a built layer: call '{self.name}' on an "
                "input, or `build` it, first."
            )

    @property
    def described(self) -> str:
        """The layer in messages: "Layer 'encoder/projection'"."""
        return f"Layer '{self.path or self.name}'"


class _Load:
    """What has been read in one load of a layer, and what is still to come.

    Args:
        store: The store that all layers of a model are given.
    """

    def __init__(self, store):
        # Keras's store of an HDF5 file is one object; one of an `.npz` file
        # is a new dict for each layer.
        self.store = None if isinstance(store, dict) else weakref.ref(store)
        self.waiting = set()
        self.assignments = []
        self.refusal = ""

    def is_of(self, store):
        """Whether the store is the one that this load began with."""
        if self.store is None:
            return isinstance(store, dict)
        return self.store() is store

    def awaits(self, layer, store):
        """Whether this load goes on with a layer's part of the store."""
        return self.is_of(store) and id(layer) in self.waiting

    def take(self, layer, read):
        """Reads a layer's part; assigns all parts if it was the last.

        Args:
            layer: The layer.
            read: Function that returns what assigns the part.

        Raises:
            ValueError: If this part or an earlier one is refused.
        """
        self.waiting.discard(id(layer))
        if not self.refusal:
            try:
                self.assignments.append(read())
            except (TypeError, ValueError) as error:
                self.refusal = str(error)
        if self.refusal:
            self.assignments.clear()
            raise ValueError(self.refusal)
        if not self.waiting:
            for assign in self.assignments:
                assign()
            self.assignments.clear()


def _wait_for(layer, load):
    """Has a layer of Keras's, inside one of ours, take part in a load.

    Its own method would assign at once, and also after a refusal.
    """
    expected: dict = {}
    layer.save_own_variables(expected)
    if not expected:
        return

    def load_own_variables(store):
        if not load.is_of(store):
            del layer.load_own_variables
            layer.load_own_variables(store)
        elif load.refusal:
            # Keras comes again, by the other names of the layer.
            raise ValueError(load.refusal)
        else:
            load.take(layer, lambda: read(store))

    def read(store):
        owner = f"Layer '{layer.path or layer.name}'"
        values = read_arrays(store, expected, owner)
        return lambda: assign(values)

    def assign(values):
        del layer.load_own_variables
        layer.load_own_variables(values)

    load.waiting.add(id(layer))
    layer.load_own_variables = load_own_variables


def _nothing():
    """Assigns nothing."""
