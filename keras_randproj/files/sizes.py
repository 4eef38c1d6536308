"""What is checked of weights before anything is read from them."""

import sys
import weakref
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import h5py

from keras_randproj import _keras
from keras_randproj.files.hdf5 import Group
from keras_randproj.files.hdf5 import walk
from keras_randproj.files.printable import printable
from keras_randproj.files.record import KEYS
from keras_randproj.files.record import ROWS
from keras_randproj.files.record import Record
from keras_randproj.files.record import is_record
from keras_randproj.files.source import open_shards

# What was found behind a store: Keras makes one for each load.
_found: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def check_sizes(store: Any, owner: str) -> None:
    """Refuses a file with anything that could exhaust or lead astray.

    Every shard of sharded weights is searched, each object once, in time
    linear in their number.

    Args:
        store: Any of arrays that `load_own_variables` was given. Only the
            first layer of a load to ask has its file searched.
        owner: Who loads, for the message: "Layer 'prp_dense/projection'".

    Raises:
        ValueError: If `files.hdf5.walk` refuses the file: an array that
            declares more than a mebibyte and a hundred times what it stores,
            a link, an array that lies in another file.
    """
    _survey(store, owner)


def records_behind(store: Any) -> list[Record]:
    """All records in the file, or the shards, that a store reads from.

    Args:
        store: Any of arrays that `load_own_variables` was given.

    Returns:
        List of `Record`, in order of their paths; empty for a plain dict.

    Raises:
        ValueError: As `check_sizes`, or if a record is malformed.
    """
    return [
        Record.read(group.arrays, f"Layer '{layer_of(group.path)}'")
        for group in _survey(store, "A layer")
    ]


def records_of(files) -> list[Group]:
    """The groups of open HDF5 files that hold records, in order of paths.

    Shards may hold a part of one record each: what lies under one path is
    taken together.

    Raises:
        ValueError: If `walk` refuses a file, or two shards hold one array:
            which of them is loaded depends on the order of loading.
    """
    merged: dict[str, dict] = {}
    keys = {*KEYS, ROWS}
    for group in walk(files, keys):
        parts = {k: v for k, v in group.arrays.items() if k in keys}
        if not parts:
            continue
        there = merged.setdefault(group.path, {})
        if there.keys() & parts.keys():
            where = printable(group.path)
            raise ValueError(f"Two shards hold arrays of {where!r}.")
        there.update(parts)
    groups = (Group(path, arrays) for path, arrays in sorted(merged.items()))
    return [group for group in groups if is_record(group.arrays)]


def layer_of(path: str) -> str:
    """The layer whose variables a path of a file names."""
    return path.removesuffix("vars").rstrip("/")


def _survey(store, owner):
    file = _keras.opened_file(store)
    if not isinstance(file, h5py.Group):
        return []
    if store not in _found:
        try:
            _found[store] = _records(store, file)
        except (OSError, ValueError) as error:
            raise ValueError(f"{owner}: {error}") from error
    return _found[store]


def _records(store, file):
    index = _keras.shard_index(store)
    if index is None:
        return records_of([file])
    with ExitStack() as stack:
        shards = open_shards(*index, sys.maxsize, stack)
        opened = [
            stack.enter_context(h5py.File(shard, "r"))
            for shard in shards.values()
        ]
        # Keras has the first shard open, even if the index does not name it.
        if Path(file.filename).name not in shards:
            opened.append(file)
        return records_of(opened)
