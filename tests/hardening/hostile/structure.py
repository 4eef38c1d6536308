"""HDF5 files that are not built as Keras builds them."""

import h5py
import numpy as np

from .make import GROUP
from .make import NOT_CHECKED
from .make import NOTHING
from .make import RIGHT
from .make import SECRET
from .make import WRONG
from .make import archive
from .make import case
from .make import hdf5
from .make import put
from .make import text


@case(RIGHT)
def intact():
    return hdf5()


@case(RIGHT, "keras")
def intact_archive():
    return archive(hdf5())


@case(NOTHING)
def no_recipe():
    return hdf5(lambda f, g: g.create_dataset("0", data=[1.0]), intact=False)


@case(NOT_CHECKED)
def external_storage():
    def change(file, group):
        del group["family"]
        group.create_dataset("family", (8,), "uint8", external=[(SECRET, 0, 8)])

    return hdf5(change)


@case(NOT_CHECKED)
def virtual():
    def change(file, group):
        layout = h5py.VirtualLayout((8,), "uint8")
        layout[:] = h5py.VirtualSource(SECRET, "family", (8,))
        del group["family"]
        group.create_virtual_dataset("family", layout)

    return hdf5(change)


@case(NOT_CHECKED)
def external_link():
    def change(file, group):
        group["seed"] = h5py.ExternalLink(SECRET, "/seed")

    return hdf5(lambda f, g: (g.pop("seed"), change(f, g)))


@case(NOT_CHECKED)
def soft_link():
    def change(file, group):
        file["layers/b"] = h5py.SoftLink("/" + GROUP)

    return hdf5(change)


@case(RIGHT)
def circle():
    def change(file, group):
        file["layers/again"] = file["/"]
        group["again"] = file["layers"]

    return hdf5(change)


@case(RIGHT)
def tree_of_links():
    """Two to the 40th paths to 40 groups."""

    def change(file, group):
        inner = file.create_group("bottom")
        for k in range(40):
            outer = file.create_group(f"level{k}")
            outer["left"] = outer["right"] = inner
            inner = outer

    return hdf5(change)


@case(NOT_CHECKED)
def deep():
    return hdf5(lambda f, g: f.create_group("/".join(["a"] * 70)))


@case(NOT_CHECKED)
def long_name():
    return hdf5(lambda f, g: f.create_group("a" * 2000))


@case(NOT_CHECKED)
def shared_heap_object():
    """Elements of variable length that all are the same four kilobytes."""
    kind, found = h5py.vlen_dtype(np.uint8), []

    def change(file, group):
        del group["family"]
        group.create_dataset("family", (512,), kind)
        group["family"][0] = np.zeros(4096, "uint8")
        found.append(group["family"].id.get_offset())

    data = bytearray(hdf5(change))
    (start,) = found
    data[start : start + 512 * 16] = data[start : start + 16] * 512
    return bytes(data)


@case(NOT_CHECKED)
def variable_text():
    return hdf5(lambda f, g: put(g, "family", "gaussian"))


@case(NOT_CHECKED)
def reference():
    def change(file, group):
        kind = h5py.ref_dtype
        put(group, "seed", np.full((), file["/"].ref, kind), dtype=kind)

    return hdf5(change)


@case(NOT_CHECKED)
def bare_type():
    def change(file, group):
        group["type"] = np.dtype("int32")

    return hdf5(change)


@case(NOT_CHECKED)
def null_space():
    return hdf5(lambda f, g: put(g, "seed", h5py.Empty("uint64")))


@case(NOT_CHECKED)
def declares_gigabytes():
    def change(file, group):
        group.create_dataset("alpha", (2**28,), "float32", chunks=(2**16,))

    return hdf5(change)


@case(WRONG)
def recipe_in_a_large_chunk():
    def change(file, group):
        del group["family"]
        made = group.create_dataset(
            "family", (8,), "uint8", maxshape=(None,), chunks=(2**13,)
        )
        made[:] = 103

    return hdf5(change)


@case(WRONG)
def compressed_recipe():
    return hdf5(
        lambda f, g: put(
            g, "family", text("gaussian"), compression="gzip", chunks=(8,)
        )
    )


@case(NOT_CHECKED)
def unusual_filter():
    return hdf5(
        lambda f, g: g.create_dataset(
            "alpha", data=np.zeros(64), compression="lzf"
        )
    )


@case(NOT_CHECKED)
def list_as_dtype():
    """Keras compares an attribute of each array with a text."""

    def change(file, group):
        group["alpha"] = np.zeros(4, "float32")
        group["alpha"].attrs["dtype"] = ["bfloat16"] * 100

    return hdf5(change)
