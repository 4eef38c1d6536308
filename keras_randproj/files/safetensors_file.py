"""A bounded reader of safetensors files, for files that are not trusted."""

import json
import math
import os
import struct
from contextlib import ExitStack
from typing import Any

import ml_dtypes
import numpy as np

from keras_randproj.files.printable import printable
from keras_randproj.files.source import DAMAGE
from keras_randproj.files.source import MAX_BYTES
from keras_randproj.files.source import MAX_TEXT
from keras_randproj.files.source import open_file
from keras_randproj.files.source import read_rest

# Axes of a NumPy array: the product of many sizes would have no end.
MAX_RANK = 64
DTYPES: dict[str, Any] = {
    "F32": np.dtype("<f4"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
}
SUFFIX = ".safetensors"


def read_safetensors(
    path, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the arrays of a file.

    The whole file is read, and no more is made of it than it has: arrays are
    views of its bytes.

    Args:
        path: Path of a `.safetensors` file.
        max_bytes: Integer, of the file.

    Returns:
        Dict of strings, and dict of arrays.

    Raises:
        NotCheckedError: If the file is larger than `max_bytes`.
        ValueError: If it is damaged, or has anything that the format does
            not have: gaps, overlaps, a name twice.
    """
    with ExitStack() as stack:
        try:
            file = open_file(path, max_bytes, stack)
            header = _header(_header_of(file))
            buffer = memoryview(read_rest(file))
        except DAMAGE as error:
            raise ValueError(f"The file cannot be read ({error}).") from error
    metadata = header.pop("__metadata__", {})
    _check_metadata(metadata)
    arrays, ends = {}, []
    for name, entry in header.items():
        arrays[name], span = _array(name, entry, buffer)
        ends.append(span)
    at = 0
    for start, stop in sorted(ends):
        if start != at:
            raise ValueError("Arrays of the file overlap, or leave gaps.")
        at = stop
    if at != len(buffer):
        raise ValueError("The file has bytes that no array takes.")
    return metadata, arrays


def _header_of(file):
    """The bytes of the header, read before what may be gigabytes."""
    length = os.fstat(file.fileno()).st_size
    start = file.read(8) or b""
    size = struct.unpack("<Q", start)[0] if len(start) == 8 else length
    if size > min(length - 8, MAX_TEXT):
        raise ValueError(
            f"The file is cut or damaged: of its {length} bytes the header "
            f"would take {size}."
        )
    return file.read(size)


def _header(data):
    try:
        header = json.loads(data, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        said = printable(str(error))
        raise ValueError(f"The header is damaged ({said}).") from None
    if not isinstance(header, dict):
        raise ValueError("The header is no dict of arrays.")
    return header


def once(pairs):
    """A dict of JSON pairs; raises `ValueError` where a name is there twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name twice")
    return found


def _check_metadata(metadata):
    if not isinstance(metadata, dict) or not all(
        isinstance(value, str) for value in metadata.values()
    ):
        raise ValueError("The metadata of the file are no strings.")


def _array(name, entry, buffer):
    """An array as a view of the buffer, and the span that it takes."""
    found: dict[str, Any] = entry if isinstance(entry, dict) else {}
    dtype = DTYPES.get(str(found.get("dtype")))
    shape: Any = found.get("shape")
    span: Any = found.get("data_offsets")
    if (
        dtype is None
        or found.keys() != {"dtype", "shape", "data_offsets"}
        or not _are_sizes(shape)
        or not _are_sizes(span)
        or len(shape) > MAX_RANK
        or len(span) != 2
        or span[1] > len(buffer)
        or span[1] - span[0] != math.prod(shape) * dtype.itemsize
    ):
        raise ValueError(
            f"An entry of the header is malformed. Received: "
            f"{printable(repr(name))}: {printable(repr(entry))}"
        )
    array = np.frombuffer(buffer[slice(*span)], dtype).reshape(shape)
    return array, tuple(span)


def _are_sizes(values):
    return isinstance(values, list) and all(
        type(value) is int and 0 <= value < 2**63 for value in values
    )
