"""Archives whose directories and members say different things."""

import io
import struct
import zipfile
import zlib

from .make import CONFIG
from .make import NOT_CHECKED
from .make import RIGHT
from .make import WEIGHTS
from .make import archive
from .make import case
from .make import hdf5

ENTRY, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def entry_of(data, name):
    """Where an archive's directory begins to describe a member."""
    at = data.rindex(name.encode())
    return data.rindex(ENTRY, 0, at)


def patched(offset, form, value, name=WEIGHTS, data=None):
    """An archive with one field of a member's entry changed."""
    data = bytearray(archive(hdf5()) if data is None else data)
    struct.pack_into(form, data, entry_of(bytes(data), name) + offset, value)
    return bytes(data)


@case(NOT_CHECKED, "keras")
def encrypted():
    return patched(8, "<H", 1)


@case(NOT_CHECKED, "keras")
def size_of_the_compressed_is_a_lie():
    """By which a hundred times as much would be allowed."""
    zeros = hdf5() + bytes(2**23)
    data = archive(zeros, method=zipfile.ZIP_DEFLATED)
    return patched(20, "<I", 2**31 - 1, data=data)


@case(NOT_CHECKED, "keras")
def size_is_a_lie():
    return patched(24, "<I", 2**31 - 1)


@case(NOT_CHECKED, "keras")
def checksum_is_wrong():
    return patched(16, "<I", 7)


@case(NOT_CHECKED, "keras")
def member_before_the_file():
    return patched(42, "<I", 2**32 - 2)


@case(NOT_CHECKED, "keras")
def members_in_one_place():
    """The configuration is where the weights are."""
    data = archive(hdf5())
    at = struct.unpack_from("<I", data, entry_of(data, CONFIG) + 42)[0]
    return patched(42, "<I", at, data=data)


@case(NOT_CHECKED, "keras")
def another_name_inside():
    data = bytearray(archive(hdf5()))
    at = bytes(data).index(WEIGHTS.encode())
    data[at : at + 5] = b"other"
    return bytes(data)


@case(NOT_CHECKED, "keras")
def name_with_a_null():
    other = archive(hdf5(), extra=[("model.weights.h5_x", hdf5())])
    return other.replace(b"model.weights.h5_x", b"model.weights.h5\0x")


@case(RIGHT, "keras")
def names_that_climb():
    """Members that nobody reads: absolute, above, and a symbolic link."""
    names = ("/etc/passwd", "../../a.keras", "C:\\a", "assets/../../b")
    data = archive(hdf5(), extra=[(name, "/etc/passwd") for name in names])
    link = 0o120777 << 16
    return patched(38, "<I", link, "assets/../../b", data)


@case(RIGHT, "keras")
def large_format_and_descriptors():
    """As a writer of streams writes them, with 64 bits for sizes."""

    class Stream(io.RawIOBase):
        def __init__(self):
            self.data = b""

        def writable(self):
            return True

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    stream = Stream()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in ((CONFIG, b"{}"), (WEIGHTS, hdf5())):
            info = zipfile.ZipInfo(name)
            with file.open(info, "w", force_zip64=True) as member:
                member.write(data)
    return stream.data


@case(NOT_CHECKED, "keras")
def damaged_extra_field():
    """Of a member whose sizes it would give."""
    info = zipfile.ZipInfo(CONFIG)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(info, "{}")
        large = zipfile.ZipInfo(WEIGHTS)
        large.extra = struct.pack("<HHI", 1, 4, 7)
        file.writestr(large, hdf5())
    return patched(24, "<I", 2**32 - 1, data=buffer.getvalue())


@case(NOT_CHECKED, "keras")
def directory_that_counts_wrong():
    data = bytearray(archive(hdf5()))
    struct.pack_into("<I", data, len(data) - 6, 7)
    return bytes(data)


@case(RIGHT, "keras")
def members_by_the_thousand():
    names = [(f"assets/{k}", "") for k in range(400)]
    return archive(hdf5(), extra=names)


@case(NOT_CHECKED, "keras")
def archive_in_the_archive():
    """Where weights should be."""
    return archive(archive(hdf5()))


@case(NOT_CHECKED, "keras")
def deflated_without_end():
    """A stream of zeros that a small member promises not to be."""
    squeezed = zlib.compress(bytes(2**24), 9)[2:-4]
    data = archive(squeezed)
    return patched(10, "<H", zipfile.ZIP_DEFLATED, data=data)
