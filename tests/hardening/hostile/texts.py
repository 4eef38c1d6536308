"""JSON that is deep, large, or not what its reader expects."""

import json
import zipfile

import numpy as np

from .make import NOT_CHECKED
from .make import RIGHT
from .make import WRONG
from .make import archive
from .make import case
from .make import hdf5
from .make import put
from .make import text

# A hundredth of what a text may be, less what zeros and braces take.
BYTES = 45_000


def packed(config, weights=None):
    """An archive of a configuration that is small once compressed."""
    data = config
    if not isinstance(config, str):
        data = json.dumps(config, separators=(",", ":"))
    method = zipfile.ZIP_DEFLATED
    return archive(hdf5() if weights is None else weights, data, method)


def owner(**config):
    return {
        "registered_name": "keras_randproj>HeldMatrix",
        "config": {"family": "gaussian", "units": 5, "seed": 3, **config},
        "shared_object_id": 7,
    }


def padded(config):
    """With words that do not shrink, for what is refused as a bomb."""
    words = np.random.default_rng(1).bytes(BYTES).hex()
    return packed({"words": words, **config})


@case(RIGHT, "keras")
def values_by_the_million():
    """The JSON that takes most memory for its size."""
    return padded({"values": [{"": []}] * 900_000})


@case(RIGHT, "keras")
def long_class_name():
    """Which all layers inside would have in their paths."""
    inner = [{"class_name": "B", "config": {"name": "b"}}] * 20_000
    outer = {"class_name": "A" * 2**22, "config": {"layers": inner}}
    return padded({"config": {"layers": [outer]}})


@case(RIGHT, "keras")
def layers_in_layers():
    """Thirty levels, each with a long name, and many at the bottom."""
    layers = [{"class_name": "B", "config": {"name": "b"}}] * 100_000
    for _ in range(29):
        config = {"layers": layers, "name": "n"}
        layers = [{"class_name": "Long" * 60, "config": config}]
    return padded({"config": {"layers": layers}})


@case(RIGHT, "keras")
def names_with_controls():
    """The name of a layer, which is printed beside its place."""
    name = "a\x1b[1A\x1b[2K\r\nok: b\x9b31m\u202e\u2066\u200b\ufeff\ud800" * 99
    layer = {"class_name": "PRPDense", "config": {"name": name}}
    return packed({"config": {"layers": [layer]}})


@case(WRONG, "keras")
def sharers_with_values_of_other_types():
    values = [None, True, -1, 1e999, float("nan"), [[]], {"name": {}}]
    sharers = [owner(**{k: v}) for v in values for k in owner()["config"]]
    return packed([*sharers, {**owner(), "config": 7}])


@case(WRONG, "keras")
def sharers_by_the_thousand():
    """Each matrix of which has a number that is a text of its own."""
    sharers = [
        {**owner(seed=4), "shared_object_id": ["\x1b" * 50, k]}
        for k in range(10_000)
    ]
    return padded({"layers": sharers})


@case(WRONG, "keras")
def deep_family_of_a_sharer():
    family = json.loads("[" * 900 + "]" * 900)
    return packed([owner(family=family)] * 2)


@case(NOT_CHECKED, "keras")
def number_of_many_digits():
    return packed('{"a": ' + "7" * 5000 + "}")


@case(NOT_CHECKED, "keras")
def config_that_is_no_text():
    return archive(hdf5(), "\ud800".encode("utf-8", "surrogatepass"))


@case(RIGHT, "keras")
def config_that_is_no_dict():
    return archive(hdf5(), "[NaN, Infinity, -Infinity, 1e999, null]")


def options(value):
    return hdf5(lambda f, g: put(g, "options", text(value)))


@case(WRONG)
def options_with_nan():
    return hdf5(
        lambda f, g: (
            put(g, "family", text("sparse_ternary")),
            put(g, "options", text('{"density": NaN}')),
        )
    )


@case(WRONG)
def options_twice():
    """Of which a reader may take the first, and another one the last."""
    return hdf5(
        lambda f, g: (
            put(g, "family", text("sparse_ternary")),
            put(g, "options", text('{"density": 0.5, "density": 0.25}')),
        )
    )


@case(WRONG)
def options_that_are_no_dict():
    return options("[]")


@case(WRONG)
def options_of_another_family():
    return options('{"density": 0.5}')


@case(WRONG)
def rows_of_options():
    """The outputs that are chosen belong into an array of their own."""
    return options('{"rows": [0, 1, 2, 3, 4]}')


@case(WRONG)
def negative_seed():
    return hdf5(lambda f, g: put(g, "seed", np.int64(-1)))


@case(WRONG)
def negative_shape():
    return hdf5(lambda f, g: put(g, "shape", np.array([-12, -5])))


@case(WRONG)
def bool_seed():
    return hdf5(lambda f, g: put(g, "seed", np.bool_(True)))


@case(WRONG)
def seed_in_a_list():
    return hdf5(lambda f, g: put(g, "seed", np.array([3], "u8")))


@case(WRONG)
def shape_of_three():
    return hdf5(lambda f, g: put(g, "shape", np.array([12, 5, 1])))


@case(WRONG)
def family_that_is_no_text():
    family = np.frombuffer(b"\xff\xfe\x80", "u1")
    return hdf5(lambda f, g: put(g, "family", family))


@case(WRONG)
def contract_of_many_digits():
    value = np.array(2**63 + 1, "u8")
    return hdf5(
        lambda f, g: (put(g, "contract_version", value), g.pop("shape"))
    )


@case(WRONG)
def chosen_rows_out_of_order():
    rows = np.array([4, 3, 2, 1, 1], "u4")
    return hdf5(lambda f, g: g.create_dataset("rows", data=rows))


@case(WRONG)
def chosen_rows_of_other_types():
    rows = np.array([-1, 0, 1, 2, 3], "i8")
    return hdf5(lambda f, g: g.create_dataset("rows", data=rows))


@case(WRONG)
def chosen_rows_by_the_million():
    """More than outputs, in a file that holds them."""
    rows = np.zeros(2**12, "u4")
    return hdf5(
        lambda f, g: (
            g.create_dataset("rows", data=rows),
            put(g, "shape", np.array([1, 2**12])),
        )
    )
