"""Damage to the zip archive of a `.keras` file."""

import io
import zipfile
import zlib

WEIGHTS = "model.weights.h5"
CONFIG = "config.json"


def members(data):
    """Names and contents of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(parts):
    """An archive of pairs, or a dict, of names and contents."""
    pairs = parts.items() if isinstance(parts, dict) else parts
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, part in pairs:
            archive.writestr(name, part)
    return data.getvalue()


def drop_member(parts, rng):
    names = list(parts)
    del parts[names[rng.integers(len(names))]]
    return pack(parts)


def repeat_member(parts, rng):
    """A name twice, the second time with other contents."""
    names = list(parts)
    name = names[rng.integers(len(names))]
    other = b"{}" if name.endswith("json") else b"\x89HDF\r\n\x1a\n"
    pairs = [(name, other), *parts.items()]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for key, part in pairs if rng.integers(2) else pairs[::-1]:
            # The module warns of names that it has written before.
            info = zipfile.ZipInfo(key)
            with file.open(info, "w") as target:
                target.write(part)
    return archive.getvalue()


def climb_out(parts, rng):
    """Members that would land outside of a folder they are extracted to."""
    places = ("../escaped", "/tmp/escaped", "assets/../../escaped", "a\\..\\b")
    return pack({**parts, places[rng.integers(4)]: b"out", "assets/a": b"in"})


def bomb(parts, rng):
    """A thousand bytes of zeros for each one that is stored."""
    name = (WEIGHTS, CONFIG)[rng.integers(2)]
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, part in parts.items():
            filler = b" " if key == CONFIG else b"\0"
            extra = filler * 2**22 if key == name else b""
            archive.writestr(key, part + extra)
    return data.getvalue()


def lie_about_size(parts, rng):
    """The directory declares four gigabytes for a member."""
    data = bytearray(pack(parts))
    entry = data.rfind(b"PK\x01\x02")
    field = entry + (20, 24)[rng.integers(2)]
    data[field : field + 4] = b"\xfe\xff\xff\xff"
    return bytes(data)


def wrong_checksum(parts, rng):
    """Contents that are not those of the checksum."""
    data = pack(parts)
    right = zlib.crc32(parts[WEIGHTS])
    wrong = right ^ 1 << int(rng.integers(32))
    return data.replace(
        right.to_bytes(4, "little"), wrong.to_bytes(4, "little")
    )


def another_format(parts, rng):
    """Weights as something that `numpy.load` reads."""
    content = parts.pop(WEIGHTS)
    return pack({**parts, "model.weights.npz": content})


def swap_members(parts, rng):
    parts[WEIGHTS], parts[CONFIG] = parts[CONFIG], parts[WEIGHTS]
    return pack(parts)


MUTATIONS = (
    drop_member,
    repeat_member,
    climb_out,
    bomb,
    lie_about_size,
    wrong_checksum,
    another_format,
    swap_members,
)
