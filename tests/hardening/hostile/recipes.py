"""Recipes that are wrong, too large, or more than recipes."""

import json

import numpy as np

from .make import NOT_CHECKED
from .make import RIGHT
from .make import WRONG
from .make import case
from .make import hdf5
from .make import put
from .make import record
from .make import text


def of(**options):
    def change(file, group):
        record(**options).write(group)

    return hdf5(change, intact=False)


NO_DIGEST = "0" * 32


@case(NOT_CHECKED)
def one_row():
    return of(shape=(1, 2**27), digest=NO_DIGEST)


@case(NOT_CHECKED)
def one_column():
    return of(family="hadamard", shape=(2**26 + 1, 1), digest=NO_DIGEST)


@case(NOT_CHECKED)
def all_but_one_chosen():
    shape = (2**24, 2**24 - 1)
    return of(family="hadamard", shape=shape, digest=NO_DIGEST)


@case(WRONG)
def tall():
    """A column of as many entries as are allowed."""
    return of(shape=(2**26, 1), digest=NO_DIGEST)


@case(WRONG)
def wide():
    shape = (1, 2**23)
    return of(family="rademacher", shape=shape, digest=NO_DIGEST)


@case(WRONG)
def orthogonal():
    """Its QR would take a minute and a half."""
    shape = (4096, 4096)
    return of(family="orthogonal", shape=shape, digest=NO_DIGEST)


@case(NOT_CHECKED)
def large_orthogonal():
    shape = (46_340, 46_340)
    return of(family="orthogonal", shape=shape, digest=NO_DIGEST)


@case(NOT_CHECKED)
def largest():
    return of(shape=(2**62, 2**62), digest=NO_DIGEST)


@case(NOT_CHECKED)
def groups_of_one():
    """Each of which is sorted by itself."""
    return of(family="count_sketch", shape=(2**22, 1), digest=NO_DIGEST)


@case(WRONG)
def many():
    """Each within the limit, and four times the limit together."""

    def change(file, group):
        record(shape=(2**12, 2**12), digest=NO_DIGEST).write(group)
        for k in range(16):
            other = file.create_group(f"layers/dense_{k}/vars")
            for name in group:
                other[name] = group[name]
            put(other, "seed", np.uint64(k + 10))

    return hdf5(change, intact=False)


def options(value):
    return hdf5(
        lambda f, g: put(
            g,
            "options",
            text(value if isinstance(value, str) else json.dumps(value)),
        )
    )


@case(WRONG)
def class_in_options():
    layer = {
        "module": "keras.layers",
        "class_name": "Dense",
        "config": {"units": 2**30},
    }
    return options(
        {"dtype": {"class_name": "Sequential", "config": {"layers": [layer]}}}
    )


@case(WRONG)
def nested_options():
    return options("[" * 4000)


@case(WRONG)
def bool_density():
    return hdf5(
        lambda f, g: (
            put(g, "family", text("sparse_ternary")),
            put(g, "options", text('{"density": true}')),
        )
    )


@case(WRONG)
def huge_density():
    return hdf5(
        lambda f, g: (
            put(g, "family", text("sparse_ternary")),
            put(g, "options", text('{"density": ' + "1" * 4000 + "}")),
        )
    )


@case(WRONG)
def wrapped_digest():
    """Sixteen bits a byte, of which eight would be right."""
    digest = np.frombuffer(bytes.fromhex(record().digest), "uint8")
    return hdf5(lambda f, g: put(g, "digest", digest.astype("uint16") + 256))


@case(WRONG)
def no_digest():
    return hdf5(lambda f, g: (g.pop("digest"), g.pop("contract_version")))


@case(WRONG)
def other_seed():
    return hdf5(lambda f, g: put(g, "seed", np.uint64(4)))


@case(NOT_CHECKED)
def later_contract():
    return hdf5(lambda f, g: put(g, "contract_version", np.int32(2)))


@case(WRONG)
def one_of_two():
    def change(file, group):
        record(seed=5, digest=NO_DIGEST).write(
            file.create_group("layers/b/vars")
        )

    return hdf5(change)


@case(NOT_CHECKED)
def escapes():
    family = "\x1b[2Jgaussian\r\nok: all: gaussian 12 x 5"
    return hdf5(lambda f, g: put(g, "family", text(family)))


@case(RIGHT)
def forged_line():
    def change(file, group):
        name = "a\nok: layers/b: gaussian 1 x 1\x1b]0;title\x07\u202e/vars"
        file.copy(group, name)
        file.copy(group, "b" * 900)

    return hdf5(change)
