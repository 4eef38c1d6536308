"""Walking an HDF5 file that is not trusted: plain values, nothing followed."""

import math
from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field

import h5py
import numpy as np
from h5py import h5d
from h5py import h5g
from h5py import h5l
from h5py import h5o
from h5py import h5s
from h5py import h5t
from h5py import h5z

from keras_randproj.files.printable import printable

MAX_OBJECTS = 100_000
MAX_DEPTH = 64
MAX_PATH = 1024
# Bytes of an array whose value is read, and of all of them together.
MAX_VALUE = 2**18
MAX_VALUES = 2**24
# As Keras checks, which starts at four gigabytes: nothing that it writes is
# compressed, so that more bytes than stored are a fill value or a bomb.
FLOOR_BYTES = 2**20
MAX_EXPANSION = 100

FILTERS = {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}
TYPES = {h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.BITFIELD, h5t.OPAQUE, h5t.STRING}
_TOO_MANY = f"The file has more than {MAX_OBJECTS} objects."
DAMAGE = (OSError, KeyError, RuntimeError, TypeError, OverflowError)


@dataclass(frozen=True)
class Array:
    """An array of a file. NumPy converts it where it is small and plain.

    Args:
        shape: Tuple of integers.
        value: NumPy array, where it was asked for and is of at most 4 KiB of
            integers, neither compressed nor in chunks; else `None`.
    """

    shape: tuple[int, ...]
    value: np.ndarray | None = None

    def __array__(self, dtype=None, copy=None):
        if self.value is None:
            raise ValueError(
                "The array is no small array of integers. "
                f"Received: shape={self.shape}"
            )
        return np.array(self.value, dtype)


@dataclass(frozen=True)
class Group:
    """A group of a file.

    Args:
        path: String, names joined by slashes; `""` for the root.
        arrays: `Array` by name.
    """

    path: str
    arrays: dict[str, Array] = field(default_factory=dict)


class _Room:
    """How much the arrays of a file may declare that lie in it in chunks.

    HDF5 counts the bytes of chunks by a walk through their tree, which may
    have one branch under a thousand names, and so never end. All together
    they are bounded by the file.
    """

    def __init__(self, size):
        self.size = size
        self.left = max(FLOOR_BYTES, MAX_EXPANSION * size)

    def has(self, declared, stored, chunked):
        if not chunked:
            return declared <= max(FLOOR_BYTES, MAX_EXPANSION * stored)
        self.left -= declared
        return self.left >= 0


def walk(
    files: Iterable[h5py.Group], read: Collection[str] = ()
) -> Iterator[Group]:
    """Every group once, with its arrays.

    Args:
        files: Open HDF5 files, which are counted together.
        read: Names of the arrays whose values are read.

    Raises:
        ValueError: If a file has soft or external links, arrays that lie in
            other files, types of variable size, filters that Keras does not
            need, an array that declares far more than it stores, or more
            objects, depth or longer names than any model's, or is damaged.
    """
    links = size = 0
    for file in files:
        try:
            root = h5g.open(file.id, b"/")
            seen = {_address(h5o.get_info(root))}
            room = _Room(file.id.get_filesize())
            for group, count in _visit(root, "", 0, (seen, read, room)):
                values = [array.value for array in group.arrays.values()]
                links += count
                size += sum(v.nbytes for v in values if v is not None)
                if links > MAX_OBJECTS or size > MAX_VALUES:
                    raise ValueError(_TOO_MANY)
                yield group
        except DAMAGE as error:
            raise ValueError(
                f"The weights are a damaged HDF5 file ({error})."
            ) from error


def _address(info):
    return info.fileno, info.addr


def _visit(group, path, depth, state):
    """The group of an open identifier and its links; then those in it."""
    arrays, children = {}, []
    seen, read, room = state
    names = _names(group, path)
    for name in names:
        info = h5o.get_info(group, name)
        child = f"{path}/{_text(name)}".lstrip("/")
        if info.type == h5o.TYPE_DATASET:
            wanted = _text(name) in read
            array = _array(h5d.open(group, name), child, wanted, room)
            arrays[_text(name)] = array
        elif info.type != h5o.TYPE_GROUP:
            raise ValueError(
                f"The file has a bare data type at {printable(child)!r}."
            )
        elif _address(info) not in seen:
            seen.add(_address(info))
            children.append((name, child))
    yield Group(path, arrays), len(names)
    if children and depth == MAX_DEPTH:
        raise ValueError(f"The file has groups more than {MAX_DEPTH} deep.")
    for name, child in children:
        yield from _visit(h5g.open(group, name), child, depth + 1, state)


def _names(group, path):
    """The names of a group's links, once each of them is known to be hard."""
    found: list = []

    def note(name, link):
        # An exception here would become one of h5py: the scan is ended.
        found.append((name, link.type))
        return len(found) > MAX_OBJECTS or None

    group.links.iterate(note, info=True)
    if len(found) > MAX_OBJECTS:
        raise ValueError(_TOO_MANY)
    for name, kind in found:
        if kind != h5l.TYPE_HARD:
            raise ValueError(
                "The file must not link to other places. Received: a link in "
                f"{printable(path)!r}"
            )
        if len(path) + len(name) >= MAX_PATH:
            raise ValueError(f"A path has more than {MAX_PATH} bytes.")
    return sorted(name for name, _ in found)


def _text(name):
    return name.decode("utf-8", "backslashreplace")


def _array(dataset, path, wanted, room):
    """Refuses what is unusual; reads what is wanted and small."""
    properties = dataset.get_create_plist()
    layout = properties.get_layout()
    # First, as HDF5 opens the others where it is asked for a shape.
    if properties.get_external_count() or layout == h5d.VIRTUAL:
        raise ValueError(f"The array {printable(path)!r} lies in another file.")
    space, kind = dataset.get_space(), dataset.get_type()
    if not _fixed_size(kind) or space.get_simple_extent_type() == h5s.NULL:
        raise ValueError(
            f"The array {printable(path)!r} has a type that weights have not."
        )
    count = properties.get_nfilters()
    filters = {properties.get_filter(k)[0] for k in range(count)}
    if not filters <= FILTERS:
        raise ValueError(
            f"The array {printable(path)!r} has an unusual filter."
        )
    _check_attribute(dataset, path)
    shape = space.get_simple_extent_dims() or ()
    declared = math.prod(shape) * kind.get_size()
    chunked = layout == h5d.CHUNKED
    stored = room.size if chunked else dataset.get_storage_size()
    if not room.has(declared, stored, chunked):
        raise ValueError(
            f"The array {printable(path)!r} of the file declares {declared} "
            f"bytes and stores at most {stored}. The file is damaged, or made "
            "to exhaust memory. Load an intact copy."
        )
    plain = layout in (h5d.CONTIGUOUS, h5d.COMPACT) and not filters
    small = kind.get_class() == h5t.INTEGER and declared <= MAX_VALUE
    if not (wanted and plain and small):
        return Array(shape)
    value = np.empty(shape, kind.dtype)
    if value.size:
        dataset.read(h5s.ALL, h5s.ALL, value)
    return Array(shape, value)


def _fixed_size(kind):
    """Whether elements of the type lie in the array itself."""
    if kind.get_class() == h5t.COMPOUND:  # A complex number.
        members = [kind.get_member_class(k) for k in range(kind.get_nmembers())]
        return members == [h5t.FLOAT, h5t.FLOAT]
    if kind.get_class() == h5t.STRING and kind.is_variable_str():
        return False
    return kind.get_class() in TYPES


def _check_attribute(dataset, path):
    """Keras reads an attribute `dtype`; it has to be one text."""
    if not h5py.h5a.exists(dataset, b"dtype"):
        return
    attribute = h5py.h5a.open(dataset, b"dtype")
    one = attribute.get_space().get_simple_extent_type() == h5s.SCALAR
    if not one or attribute.get_type().get_class() != h5t.STRING:
        raise ValueError(
            f"The array {printable(path)!r} has a malformed `dtype`."
        )
