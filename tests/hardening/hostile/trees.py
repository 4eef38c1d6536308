"""HDF5's trees, with one branch under all names of each level.

A walk through what takes some kilobytes would take years. Each is a file as
Keras writes it, in HDF5's oldest format, with more nodes at its end.
"""

import io
import struct

import h5py

from .make import GROUP
from .make import NOT_CHECKED
from .make import NOTHING
from .make import case
from .make import record

NOWHERE = b"\xff" * 8
# Where a file says where it ends.
END = 40


def nodes(data):
    """Where the nodes of trees are, as lists by what they are of."""
    found: dict[int, list] = {0: [], 1: []}
    at = data.find(b"TREE")
    while at >= 0:
        found[data[at + 4]].append(at)
        at = data.find(b"TREE", at + 1)
    return found


def grown(data, root, leaf, kind, key, levels):
    """Levels of nodes above a leaf, in the place of a root."""
    data, below = bytearray(data), leaf
    count = 64 if kind else 32
    for level in range(levels):
        head = b"TREE" + struct.pack("<BBH", kind, level + kind, count)
        pairs = (key + struct.pack("<Q", below)) * count
        below = len(data)
        data += head + NOWHERE * 2 + pairs + key
    data = data.replace(struct.pack("<Q", root), struct.pack("<Q", below))
    struct.pack_into("<Q", data, END, len(data))
    return bytes(data)


@case(NOTHING)
def chunks_without_end():
    """Of an array in chunks of one byte."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        file.create_dataset("0", (70,), "u1", chunks=(1,))[:] = 1
    data = buffer.getvalue()
    found = nodes(data)[1]
    leaf = next(at for at in found if data[at + 5] == 0)
    root = next(at for at in found if data[at + 5] == 1)
    return grown(data, root, leaf, 1, data[leaf + 24 : leaf + 48], 7)


@case(NOT_CHECKED)
def names_without_end():
    """Of a group without any name: HDF5 looks for one for ever."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="earliest") as file:
        record().write(file.create_group(GROUP))
        file.create_group("z/a")
    data = buffer.getvalue()
    root = next(at for at in nodes(data)[0][::-1] if data[at + 6])
    leaf = len(data)
    data += (b"SNOD" + bytes([1, 0, 0, 0])).ljust(328, b"\0")
    return grown(data, root, leaf, 0, bytes(8), 12)
