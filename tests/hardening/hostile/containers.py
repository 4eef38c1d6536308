"""Archives, and files that are not what their names say."""

import io
import struct
import zipfile

import numpy as np

from .make import CONFIG
from .make import NOT_CHECKED
from .make import WEIGHTS
from .make import archive
from .make import case
from .make import hdf5
from .make import put


@case(NOT_CHECKED, "keras")
def bomb():
    zeros = hdf5() + bytes(2**22)
    return archive(zeros, method=zipfile.ZIP_DEFLATED)


@case(NOT_CHECKED, "keras")
def config_bomb():
    spaces = "{" + " " * (2**23 + 1) + "}"
    return archive(hdf5(), spaces, method=zipfile.ZIP_DEFLATED)


@case(NOT_CHECKED, "keras")
def deep_config():
    return archive(hdf5(), "[" * 5000 + "]" * 5000)


@case(NOT_CHECKED, "keras")
def member_twice():
    other = hdf5(lambda f, g: put(g, "seed", np.uint64(4)))
    return archive(other, extra=[(WEIGHTS, hdf5())])


@case(NOT_CHECKED, "keras")
def comment():
    data = bytearray(archive(hdf5()))
    data[-2:] = b"\x04\0"
    return bytes(data) + b"more"


@case(NOT_CHECKED, "keras")
def hdf5_before_archive():
    return hdf5() + archive(hdf5())


@case(NOT_CHECKED, "keras")
def lzma():
    return archive(hdf5(), method=zipfile.ZIP_LZMA)


@case(NOT_CHECKED, "keras")
def numpy_weights():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(zipfile.ZipInfo(CONFIG), "{}")
        file.writestr(zipfile.ZipInfo("model.weights.npz"), b"")
    return buffer.getvalue()


@case(NOT_CHECKED)
def archive_appended():
    """Loaded as the HDF5 file, whose seed is another."""
    other = hdf5(lambda f, g: put(g, "seed", np.uint64(4)))
    return other + archive(hdf5())


@case(NOT_CHECKED)
def archive_by_another_name():
    return archive(hdf5())


@case(NOT_CHECKED)
def user_block():
    return hdf5(userblock_size=512)


@case(NOT_CHECKED)
def cut():
    return hdf5()[:-100]


@case(NOT_CHECKED, "keras")
def cut_archive():
    return archive(hdf5())[:-100]


@case(NOT_CHECKED, "keras")
def empty():
    return b""


@case(NOT_CHECKED, "keras")
def large_directory():
    """Of an archive that says so, and would be read whole."""
    data = bytearray(archive(hdf5()))
    data[-10:-6] = struct.pack("<I", 2**24)
    return bytes(data)
