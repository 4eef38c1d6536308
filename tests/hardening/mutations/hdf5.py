"""Damage to the HDF5 file of a model's weights, which stays readable."""

import io
import json

import h5py
import numpy as np

# A file that an external link may lead to; the fuzz run writes it.
SECRET = "secret.weights.h5"


def _edit(change):
    """A mutation of bytes from one of an open file and its datasets."""

    def mutation(data, rng):
        buffer = io.BytesIO(data)
        with h5py.File(buffer, "r+") as file:
            names = []
            file.visititems(
                lambda name, item: (
                    names.append(name)
                    if isinstance(item, h5py.Dataset)
                    else None
                )
            )
            change(file, names, rng)
        return buffer.getvalue()

    mutation.__name__ = change.__name__
    return mutation


def _any(names, rng, end=""):
    """One of the names, of those with this end where there are some."""
    some = [name for name in names if name.endswith(end)] or names
    return some[rng.integers(len(some))]


def _put(file, name, value, **options):
    del file[name]
    file.create_dataset(name, data=value, **options)


def swap_values(file, names, rng):
    a, b = _any(names, rng), _any(names, rng)
    first, second = file[a][()], file[b][()]
    _put(file, a, second)
    _put(file, b, first)


def swap_groups(file, names, rng):
    """Two groups at random places change places."""
    groups = []
    file.visititems(
        lambda name, item: (
            groups.append(name) if isinstance(item, h5py.Group) else None
        )
    )
    a, b = (groups[k] for k in rng.integers(len(groups), size=2))
    if a.startswith(b) or b.startswith(a):
        del file[a]
        return
    file.move(a, "between")
    file.move(b, a)
    file.move("between", b)


def delete(file, names, rng):
    """A dataset, or a group around it."""
    name = _any(names, rng)
    for _ in range(rng.integers(3)):
        name = name.rpartition("/")[0] or name
    del file[name]


def rename(file, names, rng):
    name = _any(names, rng)
    file.move(name, name[: -int(rng.integers(1, 3))] + "x")


def add_key(file, names, rng):
    file[_any(names, rng) + "_more"] = np.zeros(int(rng.integers(1, 9)))


def change_type(file, names, rng):
    name = _any(names, rng)
    value = file[name][()]
    kinds = ("float16", "float64", "int8", "int64", "uint8", "bool", "S3", "c8")
    with np.errstate(all="ignore"):
        _put(file, name, np.asarray(value).astype(kinds[rng.integers(8)]))


def change_shape(file, names, rng):
    name = _any(names, rng)
    value = np.asarray(file[name][()])
    shapes = (
        value[None],
        value.ravel()[:-1],
        np.zeros(0, value.dtype),
        np.resize(value, 2 * value.size + 1),
        value.ravel()[:1].reshape(()),
    )
    _put(file, name, shapes[rng.integers(5)])


def huge_shape(file, names, rng):
    """A dataset that declares gigabytes and stores nothing."""
    name = _any(names, rng)
    dtype = file[name].dtype
    sides = (2**20, 2**28, 2**30, 2**31)
    size = int(sides[rng.integers(4)])
    del file[name]
    file.create_dataset(name, (size,), dtype, chunks=(2**16,))


def flip_value_bit(file, names, rng):
    """One bit of one number."""
    name = _any(names, rng)
    value = np.array(file[name][()])
    data = bytearray(value.tobytes())
    data[rng.integers(len(data))] ^= 1 << rng.integers(8)
    _put(file, name, np.frombuffer(data, value.dtype).reshape(value.shape))


def poison(file, names, rng):
    """NaN, infinity or a huge number in a learned vector."""
    name = _any(names, rng)
    value = np.array(file[name][()])
    if value.dtype.kind == "f":
        bad = (np.nan, np.inf, -1e38, 0.0)[rng.integers(4)]
        value[...] = bad
    else:
        value[...] = np.iinfo(value.dtype).max
    _put(file, name, value)


def other_seed(file, names, rng):
    seed = np.uint64(rng.integers(2**63))
    values = (seed, np.int64(-1), np.float64(3.0), np.array([seed]))
    _put(file, _any(names, rng, "seed"), values[rng.integers(4)])


def other_version(file, names, rng):
    version = int(rng.choice([0, 2, -1, 2**31 - 1]))
    _put(file, _any(names, rng, "contract_version"), np.int32(version))


def other_digest(file, names, rng):
    digest = np.frombuffer(rng.bytes(16), "uint8")
    values = (digest, digest[:8], np.zeros(2**20, "uint8"))
    _put(file, _any(names, rng, "digest"), values[rng.integers(3)])


def other_family(file, names, rng):
    texts = (b"gaussian", b"rademacher", b"normal", b"\xff\xfe", b"", b"os")
    text = texts[rng.integers(6)]
    _put(file, _any(names, rng, "family"), np.frombuffer(text, "uint8"))


def other_options(file, names, rng):
    texts = (
        "{",
        "[]",
        "[" * 4000,
        '{"density": 0.5}',
        '{"density": -1}',
        '{"density": NaN}',
        json.dumps({"a": "b" * 5000}),
        '{"__class__": "os.system"}',
    )
    data = np.frombuffer(texts[rng.integers(8)].encode(), "uint8")
    _put(file, _any(names, rng, "options"), data)


def other_record_shape(file, names, rng):
    shapes = ([2**31, 2**31], [0, 4], [-6, 4], [4, 6], [6, 4, 1], [6])
    _put(file, _any(names, rng, "shape"), np.array(shapes[rng.integers(6)]))


def link_outside(file, names, rng):
    """To the same name in another file."""
    name = _any(names, rng)
    if rng.integers(2):
        name = name.rpartition("/")[0]
    del file[name]
    file[name] = h5py.ExternalLink(SECRET, name)


def link_inside(file, names, rng):
    a, b = _any(names, rng), _any(names, rng)
    del file[a]
    file[a] = h5py.SoftLink("/" + b)


def circle(file, names, rng):
    """A group that contains itself."""
    name = _any(names, rng).rpartition("/")[0]
    file[f"{name}/again"] = file[name]


def store_outside(file, names, rng):
    """A dataset whose bytes are another file's."""
    name = _any(names, rng)
    shape, dtype = file[name].shape, file[name].dtype
    del file[name]
    external = [(SECRET, 0, max(1, int(np.prod(shape))) * dtype.itemsize)]
    shape = shape or (1,)
    file.create_dataset(name, shape, dtype, external=external)


def view_outside(file, names, rng):
    """A dataset that is a view of another file's."""
    name = _any(names, rng)
    shape, dtype = file[name].shape or (1,), file[name].dtype
    layout = h5py.VirtualLayout(shape, dtype)
    layout[:] = h5py.VirtualSource(SECRET, name, shape)
    del file[name]
    file.create_virtual_dataset(name, layout)


def variable_size(file, names, rng):
    """A dataset of elements that lie in a heap."""
    name = _any(names, rng)
    shape = file[name].shape or (1,)
    kinds = h5py.vlen_dtype(np.dtype("uint8")), h5py.string_dtype()
    del file[name]
    file.create_dataset(name, shape, kinds[rng.integers(2)])


def tree_of_links(file, names, rng):
    """Two to the thirtieth paths to one group."""
    inner = file[_any(names, rng).rpartition("/")[0] or "/"]
    for k in range(30):
        outer = file.create_group(f"tree{k}")
        outer["left"] = outer["right"] = inner
        inner = outer


def deep_groups(file, names, rng):
    depth = int(rng.integers(10, 1000))
    file.create_group("/".join(["deep"] * depth))


def escaping_name(file, names, rng):
    """A group whose name has a line break and an escape sequence."""
    name = _any(names, rng).rpartition("/")[0]
    file.copy(file[name or "/"], "a\nok: b: gaussian\x1b[2J\u202e")


def compress(file, names, rng):
    """A dataset in compressed chunks, with a filter that may be unusual."""
    name = _any(names, rng)
    value = np.atleast_1d(file[name][()])
    filters = ("gzip", "lzf", None)
    _put(file, name, value, chunks=True, compression=filters[rng.integers(3)])


def group_for_dataset(file, names, rng):
    name = _any(names, rng)
    del file[name]
    file.create_group(name)


CHANGES = (
    swap_values,
    swap_groups,
    delete,
    rename,
    add_key,
    change_type,
    change_shape,
    huge_shape,
    flip_value_bit,
    poison,
    other_seed,
    other_version,
    other_digest,
    other_family,
    other_options,
    other_record_shape,
    link_outside,
    link_inside,
    circle,
    store_outside,
    view_outside,
    variable_size,
    tree_of_links,
    deep_groups,
    escaping_name,
    compress,
    group_for_dataset,
)
MUTATIONS = tuple(_edit(change) for change in CHANGES)
