"""Arrays and shards that lead to other files, in other ways."""

import json

import h5py
import numpy as np
from h5py import h5d
from h5py import h5s
from h5py import h5t

from .make import NOT_CHECKED
from .make import RIGHT
from .make import SECRET
from .make import WRONG
from .make import case
from .make import hdf5
from .make import put
from .together import index


@case(NOT_CHECKED)
def virtual_unlimited():
    """As long as its source: HDF5 looks there when it is asked for a shape."""

    def change(file, group):
        space = h5s.create_simple((1,), (h5s.UNLIMITED,))
        space.select_hyperslab((0,), (h5s.UNLIMITED,), (1,), (1,))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(space, SECRET.encode(), b"family", space)
        del group["family"]
        h5d.create(group.id, b"family", h5t.NATIVE_UINT8, space, properties)

    return hdf5(change)


@case(NOT_CHECKED)
def virtual_by_pattern():
    """A name for each block: `secret0`, `secret1`, until one is missing."""

    def change(file, group):
        space = h5s.create_simple((1,), (h5s.UNLIMITED,))
        space.select_hyperslab((0,), (h5s.UNLIMITED,), (1,), (1,))
        one = h5s.create_simple((1,))
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_virtual(space, b"secret%b", b"family", one)
        del group["seed"]
        h5d.create(group.id, b"seed", h5t.NATIVE_UINT8, space, properties)

    return hdf5(change)


@case(NOT_CHECKED)
def virtual_beside_recipes():
    """In the group of a layer that holds no recipe."""

    def change(file, group):
        other = file.create_group("layers/dense/vars")
        layout = h5py.VirtualLayout((8,), "f4")
        layout[:] = h5py.VirtualSource(SECRET, "family", (8,))
        other.create_virtual_dataset("0", layout)

    return hdf5(change)


@case(NOT_CHECKED)
def external_learned_vector():
    def change(file, group):
        other = file.create_group("layers/prp_dense/vars")
        parts = [(SECRET, 0, 4), ("/proc/self/environ", 0, 4)]
        other.create_dataset("alpha", (2,), "f4", external=parts)

    return hdf5(change)


@case(NOT_CHECKED)
def link_in_the_root():
    def change(file, group):
        file["_layer_checkpoint_dependencies"] = h5py.ExternalLink(
            "/dev/stdin", "/"
        )

    return hdf5(change)


@case(NOT_CHECKED)
def link_to_itself():
    def change(file, group):
        del group["seed"]
        group["seed"] = h5py.SoftLink("seed")

    return hdf5(change)


@case(NOT_CHECKED)
def region_reference():
    def change(file, group):
        whole = group["shape"].regionref[:]
        kind = h5py.regionref_dtype
        del group["seed"]
        group.create_dataset("seed", (), kind)[()] = whole

    return hdf5(change)


@case(RIGHT)
def attribute_of_texts():
    """Of variable size, on a group and on arrays: nobody reads it."""

    def change(file, group):
        for place in (file, group, group["seed"]):
            place.attrs["note"] = ["\x1b[2J" * 50] * 20
            place.attrs["place"] = file["/"].ref

    return hdf5(change)


@case(NOT_CHECKED)
def attribute_that_is_a_text_of_variable_size():
    def change(file, group):
        group["seed"].attrs["dtype"] = np.array(["a", "b"], object)

    return hdf5(change)


@case(NOT_CHECKED)
def compound():
    kind = np.dtype([("low", "u4"), ("high", "u4")])
    return hdf5(lambda f, g: put(g, "seed", np.zeros((), kind)))


@case(NOT_CHECKED)
def array_type():
    kind = np.dtype(("u1", (4,)))

    def change(file, group):
        del group["family"]
        group.create_dataset("family", (2,), kind)

    return hdf5(change)


def typed(name, value, kind):
    """A part of the recipe in a type of HDF5's own."""

    def change(file, group):
        del group[name]
        space = h5s.create(h5s.SCALAR)
        made = h5d.create(group.id, name.encode(), kind, space)
        made.write(h5s.ALL, h5s.ALL, np.array(value), h5t.NATIVE_INT64)

    return hdf5(change)


@case(NOT_CHECKED)
def integer_of_three_bytes():
    kind = h5t.STD_U32LE.copy()
    kind.set_size(3)
    return typed("seed", 3, kind)


@case(RIGHT)
def committed_type():
    """The type of an array, which no name leads to."""

    def change(file, group):
        kind = h5t.STD_U64LE.copy()
        kind.commit(file.id, b"type")
        del group["seed"]
        space = h5s.create(h5s.SCALAR)
        made = h5d.create(group.id, b"seed", kind, space)
        made.write(h5s.ALL, h5s.ALL, np.array(3, "u8"))
        del file["type"]

    return hdf5(change)


@case(WRONG)
def enumerated():
    kind = h5py.enum_dtype({"three": 3}, "u8")
    return hdf5(lambda f, g: put(g, "seed", np.array(3, kind), dtype=kind))


@case(NOT_CHECKED, "weights.json")
def shard_of_an_absolute_path():
    return index("intact.weights.h5", "/dev/zero.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shard_in_a_folder_above():
    return index("intact.weights.h5", "..", "../secret.weights.h5")


@case(RIGHT, "weights.json")
def shard_twice():
    names = {"/a": "intact.weights.h5", "/b": ["intact.weights.h5"] * 9}
    return json.dumps({"weight_map": names}).encode()


@case(NOT_CHECKED, "weights.json")
def shards_that_are_no_names():
    names = [[], {}, None, True, 7, "\0.weights.h5", ["a", ["b"]]]
    return json.dumps({"weight_map": dict(enumerate(names))}).encode()


@case(NOT_CHECKED, "weights.json")
def shards_by_the_thousand():
    return index(*[f"{k:04}.weights.h5" for k in range(1000)])
