"""Files of adapters: headers that lie, and recipes that do not end."""

import json
import struct

import numpy as np

from keras_randproj.files.adapter_file import checksum

from .make import NOT_CHECKED
from .make import RIGHT
from .make import WRONG
from .make import case
from .make import record

KIND = "safetensors"


def recipe(**changes):
    made = record()
    matrix = [made.family, made.options, made.seed, [12, 5], made.digest]
    return {
        "contract_version": 1,
        "forms": [{"form": "Modulation"}],
        "kinds": [["Dense", [12, 5], [0]]],
        "layers": {"dense": 0},
        "matrices": [matrix],
        **changes,
    }


def arrays(count=1, vectors=3):
    return {
        "canary": np.zeros(count, "f4"),
        "fingerprints": np.zeros((count, 8), "u1"),
        "vectors": np.zeros(vectors, "f4"),
    }


NAMES = {"float32": "F32", "uint8": "U8"}


def file(text=None, held=None, change=lambda header: None, **metadata):
    """Bytes of an adapter's file, its checksum right.

    Args:
        text: String, the recipe.
        held: Dict of arrays.
        change: Function that changes the header before it is written.
        **metadata: Entries in the place of those that are right.
    """
    text = json.dumps(recipe()) if text is None else text
    held = arrays() if held is None else held
    header, at = {}, 0
    for name, array in held.items():
        header[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [at, at + array.nbytes],
        }
        at += array.nbytes
    header["__metadata__"] = {
        "format": "keras_randproj.adapter",
        "version": "1",
        "recipe": text,
        "checksum": checksum(text, held),
        **metadata,
    }
    change(header)
    data = b"".join(array.tobytes() for array in held.values())
    return with_header(json.dumps(header).encode(), data)


def with_header(header, data=b""):
    return struct.pack("<Q", len(header)) + header + data


def of(**changes):
    return file(json.dumps(recipe(**changes)))


@case(RIGHT, KIND)
def adapter():
    return file()


@case(WRONG, KIND)
def adapter_of_another_seed():
    matrix = recipe()["matrices"][0]
    return of(matrices=[[*matrix[:2], 4, *matrix[3:]]])


@case(NOT_CHECKED, KIND)
def header_of_exabytes():
    return struct.pack("<Q", 2**63) + b"{}"


@case(NOT_CHECKED, KIND)
def header_longer_than_the_file():
    return struct.pack("<Q", 1000) + b"{}"


@case(NOT_CHECKED, KIND)
def header_that_is_no_text():
    return with_header(b'{"\xff": 0}')


@case(NOT_CHECKED, KIND)
def header_with_a_name_twice():
    entry = b'{"dtype": "U8", "shape": [0], "data_offsets": [0, 0]}'
    return with_header(b'{"a": ' + entry + b', "a": ' + entry + b"}")


@case(NOT_CHECKED, KIND)
def header_with_nan():
    return with_header(b'{"a": NaN, "__metadata__": Infinity}')


@case(NOT_CHECKED, KIND)
def header_nested():
    return with_header(b"[" * 5000)


@case(NOT_CHECKED, KIND)
def arrays_overlap():
    def change(header):
        header["vectors"]["data_offsets"] = [0, 12]

    return file(change=change)


@case(NOT_CHECKED, KIND)
def array_beyond_the_end():
    def change(header):
        header["vectors"].update(shape=[2**40], data_offsets=[12, 2**42 + 12])

    return file(change=change)


@case(NOT_CHECKED, KIND)
def shape_of_a_hundred():
    def change(header):
        header["vectors"]["shape"] = [1] * 99 + [3]

    return file(change=change)


@case(NOT_CHECKED, KIND)
def numbers_that_are_none():
    def change(header):
        header["vectors"]["shape"] = [True, 3.0, -1]

    return file(change=change)


@case(NOT_CHECKED, KIND)
def checksum_of_another():
    return file(checksum="0" * 32)


@case(NOT_CHECKED, KIND)
def version_of_the_format():
    return file(version="\x1b[2J2")


@case(NOT_CHECKED, KIND)
def recipe_nested():
    return file("[" * 5000)


@case(NOT_CHECKED, KIND)
def recipe_of_other_types():
    return of(kinds={}, layers=[], forms=7)


@case(NOT_CHECKED, KIND)
def form_that_is_negative():
    return of(kinds=[["Dense", [12, 5], [-1]]])


@case(NOT_CHECKED, KIND)
def kind_that_is_a_bool():
    return of(layers={"dense": False})


@case(NOT_CHECKED, KIND)
def matrix_too_large():
    return of(matrices=[["gaussian", {}, 3, [2**31, 2**31], "0" * 32]])


@case(WRONG, KIND)
def matrix_with_options_of_a_class():
    options = {"dtype": {"class_name": "Sequential", "config": {}}}
    return of(matrices=[["gaussian", options, 3, [12, 5], "0" * 32]])


@case(RIGHT, KIND)
def names_of_an_adapter_with_controls():
    name = "\x1b[2J\r\nok\u202e" * 50
    return of(layers={name: 0}, kinds=[[name, [12, 5], [0]]])
