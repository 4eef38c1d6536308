"""The bytes of a model file, as Keras would find them, and nothing else."""

import contextlib
import json
import os
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import BinaryIO

from keras_randproj.files.not_checked_error import NotCheckedError
from keras_randproj.files.printable import printable

# Of a file, of all shards, or of a member of an archive.
MAX_BYTES = 2**31
# Of a JSON text, whose values may take twenty times as much in memory.
MAX_TEXT = 2**23
MAX_SHARDS = 256
# Of an archive's directory, which is read whole.
MAX_DIRECTORY = 2**20
# As in Keras, whose archives are not compressed: more is a bomb.
MAX_EXPANSION = 100
PIECE = 2**20

CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
HDF5 = b"\x89HDF\r\n\x1a\n"
# The end of an archive without a comment, and of one above 4 gigabytes.
ARCHIVE_END, ARCHIVE_END_SIZE = b"PK\x05\x06", 22
LARGE_ARCHIVE, LARGE_ARCHIVE_SIZE = b"PK\x06\x07", 20

# What zipfile and the system raise for damaged files.
DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class Source:
    """What a model file consists of.

    Args:
        weights: Open binary files, each an HDF5 file: one, or the shards.
        config: The configuration of a `.keras` file as JSON values; `None`
            for weights alone.
    """

    weights: list[BinaryIO]
    config: Any = None


@contextlib.contextmanager
def open_source(path, max_bytes: int = MAX_BYTES) -> Iterator[Source]:
    """The parts of a `.keras`, `.weights.h5` or `.weights.json` file.

    The name says what the file is, as it does to Keras. No file is opened
    but this one, the shards beside an index, and a private temporary file for
    the weights of an archive.

    Args:
        path: Path of the file.
        max_bytes: Integer, of the file, its shards or the archive's weights.

    Raises:
        ValueError: If it is none of these, is larger, or has anything that
            Keras would not have written.
    """
    path = Path(path)
    with ExitStack() as stack:
        try:
            source = _source(path, max_bytes, stack)
        except DAMAGE as error:
            raise ValueError(f"The file is damaged ({error}).") from error
        yield source


def _source(path, max_bytes, stack):
    if path.name.endswith(".keras"):
        return _from_archive(
            open_file(path, max_bytes, stack), max_bytes, stack
        )
    if path.name.endswith("weights.json"):
        index = _json(read_rest(open_file(path, MAX_TEXT, stack)))
        shards = open_shards(path, index, max_bytes, stack)
        return Source(list(shards.values()))
    if path.name.endswith("weights.h5"):
        file = open_file(path, max_bytes, stack)
        _check_hdf5(file)
        return Source([file])
    raise ValueError(
        "The file must be a `.keras`, `.weights.h5` or `.weights.json` file. "
        f"Received: {path.name!r}"
    )


def open_shards(
    path: Path, index: Any, max_bytes: int, stack: ExitStack
) -> dict[str, BinaryIO]:
    """The shards that an index names, which lie beside it.

    Args:
        path: Path of the index.
        index: What the index holds, as JSON values.
        max_bytes: Integer, of all shards together.
        stack: `ExitStack` that closes them.

    Raises:
        ValueError: If the index is malformed, names a file elsewhere, or a
            shard is missing or no HDF5 file.
    """
    found = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(found, dict):
        raise ValueError("The index of the shards has no `weight_map`.")
    names = set()
    folder = Path(os.path.realpath(path)).parent
    for entry in found.values():
        for name in entry if isinstance(entry, list) else [entry]:
            inside = isinstance(name, str) and Path(name).name == name
            if not inside or not name.endswith(".weights.h5"):
                raise ValueError(
                    "The index must name `.weights.h5` files beside it. "
                    f"Received: {printable(repr(name))}"
                )
            names.add(name)
    if len(names) > MAX_SHARDS:
        raise NotCheckedError(
            f"The index names {len(names)} shards, more than the limit of "
            f"{MAX_SHARDS}."
        )
    shards = {}
    for name in sorted(names):
        shard = path.with_name(name)
        # Links of both are followed: a cache has its files elsewhere.
        if Path(os.path.realpath(shard)).parent != folder:
            raise ValueError(
                f"The shard {name!r} leads to another folder than the index."
            )
        shards[name] = open_file(shard, max_bytes, stack)
        max_bytes -= _check_hdf5(shards[name])
    return shards


def open_file(path, max_bytes: int, stack: ExitStack) -> BinaryIO:
    """The regular file, which no open of a pipe or device can hold up.

    Args:
        path: Path of the file.
        max_bytes: Integer, of the file.
        stack: `ExitStack` that closes it.

    Raises:
        NotCheckedError: If it is larger.
        ValueError: If it is no regular file.
    """
    path = Path(path)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    file = stack.enter_context(os.fdopen(descriptor, "rb"))
    state = os.fstat(descriptor)
    if not stat.S_ISREG(state.st_mode):
        raise ValueError(f"It is no regular file. Received: {path.name!r}")
    if state.st_size > max_bytes:
        raise NotCheckedError(
            f"{path.name!r} is too large to check: it has {state.st_size} "
            f"bytes, the limit is {max_bytes} (`max_bytes`)."
        )
    return file


def read_rest(file: BinaryIO) -> bytes:
    """The bytes of a file from where it stands, as many as it says it has.

    Some files of the system say none and have no end, or wait for more.

    Raises:
        ValueError: If there are more or fewer.
    """
    size = os.fstat(file.fileno()).st_size - file.tell()
    data = file.read(size + 1)
    if data is None or len(data) != size:
        raise ValueError("It is no regular file, or is being written.")
    return data


def _check_hdf5(file):
    """The size of an HDF5 file that begins and ends where it says."""
    head = file.read(64) or b""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not head.startswith(HDF5):
        raise ValueError("The weights are no HDF5 file.")
    # The end-of-file address in the superblock, by its version.
    at = {0: 40, 1: 44, 2: 28, 3: 28}.get(head[8])
    width = head[13 if head[8] < 2 else 9] if len(head) == 64 else 0
    end = struct.unpack_from("<Q", head, at)[0] if at and width == 8 else None
    if end != size:
        raise ValueError(
            "The weights must be an HDF5 file and nothing after it, with "
            f"addresses of 8 bytes. Received: {size} bytes, of which the "
            f"file says that it has {end}"
        )
    return size


def _from_archive(file, max_bytes, stack):
    _check_archive(file)
    archive = stack.enter_context(zipfile.ZipFile(file))
    members = archive.infolist()
    names = [member.filename for member in members]
    if len(set(names)) < len(names):
        raise ValueError("The archive has two members of one name.")
    missing = [name for name in (CONFIG, WEIGHTS) if name not in names]
    if missing:
        raise ValueError(f"The archive lacks {missing}.")
    if min(member.header_offset for member in members):
        raise ValueError("The archive does not begin where the file begins.")
    stored = sum(member.compress_size for member in members)
    if stored > file.seek(0, os.SEEK_END):
        raise ValueError("The archive's members are larger than the archive.")
    config = _json(_copy(archive, CONFIG, MAX_TEXT, stack).read())
    weights = _copy(archive, WEIGHTS, max_bytes, stack)
    _check_hdf5(weights)
    return Source([weights], config)


def _check_archive(file):
    """Bounds the directory, and refuses what follows it."""
    size = file.seek(0, os.SEEK_END)
    tail_size = min(size, ARCHIVE_END_SIZE + LARGE_ARCHIVE_SIZE)
    file.seek(size - tail_size)
    tail = file.read(tail_size)
    end = tail[-ARCHIVE_END_SIZE:]
    file.seek(0)
    begins = file.read(4) == b"PK\x03\x04"
    file.seek(0)
    if not begins or not end.startswith(ARCHIVE_END) or end[-2:] != b"\0\0":
        raise ValueError(
            "The file must be an archive as Keras writes it, and nothing "
            "before or after it."
        )
    directory = struct.unpack_from("<I", end, 12)[0]
    if directory > MAX_DIRECTORY or tail.startswith(LARGE_ARCHIVE):
        raise NotCheckedError(
            "The archive's directory is too large to check: the limits are "
            f"{MAX_DIRECTORY} bytes, and files of 4 gigabytes."
        )


def _copy(archive, name, max_bytes, stack):
    """A member in a private file, copied piece by piece and bounded."""
    info = archive.getinfo(name)
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(
            f"The archive's {name!r} is compressed in an unusual way. "
            f"Received: method {info.compress_type} of the zip format"
        )
    bound = min(max_bytes, PIECE + MAX_EXPANSION * info.compress_size)
    size = 0
    with ExitStack() as opened:
        target = opened.enter_context(tempfile.TemporaryFile())
        member = opened.enter_context(archive.open(name))
        while piece := member.read(PIECE):
            size += len(piece)
            if size > bound:
                raise NotCheckedError(
                    f"The archive's {name!r} is too large to check: the limit "
                    f"is {bound} bytes."
                )
            target.write(piece)
        if size != info.file_size:
            raise ValueError(f"The archive's {name!r} has another size.")
        target.seek(0)
        stack.push(opened.pop_all())
        return target


def _json(data):
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"The JSON is damaged ({error}).") from None
