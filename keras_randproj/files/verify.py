"""Checking the seeds of a file, without building its model."""

import os
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import h5py

from keras_randproj.files.adapter_file import MAX_READ
from keras_randproj.files.adapter_file import AdapterFile
from keras_randproj.files.budget import MAX_ELEMENTS
from keras_randproj.files.budget import Budget
from keras_randproj.files.hdf5 import DAMAGE
from keras_randproj.files.hdf5 import Group
from keras_randproj.files.layer_names import layer_names
from keras_randproj.files.layer_names import named
from keras_randproj.files.not_checked_error import NotCheckedError
from keras_randproj.files.record import Record
from keras_randproj.files.safetensors_file import SUFFIX
from keras_randproj.files.sharing import check_sharing
from keras_randproj.files.sizes import layer_of
from keras_randproj.files.sizes import records_of
from keras_randproj.files.source import MAX_BYTES
from keras_randproj.files.source import open_source
from keras_randproj.files.verdict import Verdict


def verify(
    path: str | os.PathLike[str],
    max_elements: int = MAX_ELEMENTS,
    max_bytes: int | None = None,
) -> list[Verdict]:
    """Regenerates every matrix of a file and compares digests.

    Fit for files that are not trusted: neither Keras nor a framework is
    imported, no class of the file is built, no other file is opened but its
    shards, and no matrix is ever whole in memory.

    Args:
        path: Path of a `.keras`, `.weights.h5` or `.weights.json` file, or
            of the `.safetensors` file of an adapter.
        max_elements: Integer, the entries that may be made for the file, all
            its matrices together. A recipe that would exceed them is not
            checked, and its verdict says so.
        max_bytes: Integer, of the file that may be read; `None` for 2^31, and
            for 2^27 of an adapter, which is read into memory.

    Returns:
        List of `Verdict`, one a recipe, and one for each disagreement of
        recipes that should be the same. Of an adapter the first says that
        the file is whole.

    Raises:
        NotCheckedError: If the file is larger than `max_bytes`.
        ValueError: If the file cannot be read, or is not as Keras writes it.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10)])
    >>> model.save("model.keras")
    >>> [verdict.ok for verdict in verify("model.keras")]
    [True]
    """
    budget = Budget(max_elements)
    if str(path).endswith(SUFFIX):
        return _verify_adapter(path, budget, max_bytes or MAX_READ)
    config, groups = groups_in(path, max_bytes or MAX_BYTES)
    verdicts = [_check(group, budget) for group in groups]
    records = [verdict.record for verdict in verdicts if verdict.record]
    names = layer_names(config)
    verdicts = [replace(v, name=named(v.layer, names)) for v in verdicts]
    return verdicts + check_sharing(config, records)


def groups_in(
    path: str | os.PathLike[str], max_bytes: int = MAX_BYTES
) -> tuple[Any, list[Group]]:
    """The configuration of a file and its groups that hold recipes.

    Raises:
        ValueError: If the file cannot be read, as `verify` reads it.
    """
    with open_source(path, max_bytes) as source, ExitStack() as stack:
        try:
            opened = [
                stack.enter_context(h5py.File(file, "r"))
                for file in source.weights
            ]
        except DAMAGE as error:
            raise ValueError(
                f"The weights are a damaged HDF5 file ({error})."
            ) from error
        return source.config, records_of(opened)


def _verify_adapter(path, budget, max_bytes):
    found = AdapterFile.read(path, max_bytes)
    verdicts = [Verdict(f"adapter of {len(found.layers)} layers", None)]
    for record in found.matrices:
        verdicts.append(_compare("matrix of the adapter", record, budget))
    return verdicts


def _check(group, budget):
    layer = layer_of(group.path)
    owner = f"Layer '{layer}'"
    try:
        record = Record.read(group.arrays, owner)
    except ValueError as error:
        return _failed(layer, None, error)
    return _compare(layer, record, budget)


def _compare(layer, record, budget):
    try:
        digest = budget.digest(record)
    except ValueError as error:
        return _failed(layer, record, error)
    if digest != record.digest:
        problem = f"seed {record.seed} gives the digest {digest}"
        return Verdict(layer, record, problem)
    return Verdict(layer, record)


def _failed(layer, record, error):
    problem = str(error).removeprefix(f"Layer '{layer}': ")
    checked = not isinstance(error, NotCheckedError)
    return Verdict(layer, record, problem, checked)
