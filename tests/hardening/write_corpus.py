"""Writes the hostile files of `corpus/`, none larger than some kilobytes.

    python -m tests.hardening.write_corpus

Each is one way to mislead or to exhaust whoever looks at a stranger's file;
`STATUS` says what `keras-randproj verify` answers.
"""

import io
import json
import struct
import zipfile
from pathlib import Path

import h5py
import numpy as np

from keras_randproj import matrices
from keras_randproj.files import Record

CORPUS = Path(__file__).with_name("corpus")
GROUP = "layers/prp_dense/projection/vars"
WEIGHTS, CONFIG = "model.weights.h5", "config.json"
SECRET = "secret"
RIGHT, WRONG, NOT_CHECKED, NOTHING = range(4)
STATUS = {}
_WRITERS = []


def case(status, kind="weights.h5"):
    """Registers a function that changes an intact file of one recipe."""

    def register(function):
        name = f"{function.__name__}.{kind}"
        STATUS[name] = status
        _WRITERS.append((name, function))
        return function

    return register


def record(family="gaussian", seed=3, shape=(12, 5), digest=None, **options):
    made = matrices.get(family, **options)
    digest = digest or made.digest(seed, shape)
    return Record(family, seed, shape, digest, made.options())


def hdf5(change=lambda file, group: None, intact=True, **options):
    """Bytes of a weights file with one record, changed."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest", **options) as file:
        group = file.create_group(GROUP)
        if intact:
            record().write(group)
        change(file, group)
    return buffer.getvalue()


def archive(weights, config="{}", method=zipfile.ZIP_STORED, extra=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in ((CONFIG, config), (WEIGHTS, weights), *extra):
            # With a fixed date: the same bytes each time.
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with file.open(info, "w") as member:
                member.write(data.encode() if isinstance(data, str) else data)
    return buffer.getvalue()


def put(group, name, value, **options):
    del group[name]
    group.create_dataset(name, data=value, **options)


def text(value):
    return np.frombuffer(value.encode(), "uint8")


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


def shared(seeds):
    """The configuration of two layers with one matrix, by their seeds."""

    def owner(seed):
        return {
            "registered_name": "keras_randproj>HeldMatrix",
            "config": {"family": "gaussian", "units": 5, "seed": seed},
            "shared_object_id": 7,
        }

    return json.dumps({"layers": [owner(seed) for seed in seeds]})


def two(seed):
    def change(file, group):
        record(seed=seed).write(file.create_group("layers/b/vars"))

    return hdf5(change)


@case(RIGHT, "keras")
def sharers_agree():
    return archive(two(3), shared([3, 3]))


@case(WRONG, "keras")
def sharers_disagree():
    return archive(two(4), shared([3, 3]))


@case(WRONG, "keras")
def sharers_disagree_in_config():
    return archive(two(4), shared([3, 4]))


def index(*names):
    return json.dumps(
        {"weight_map": {f"/layers/{n}/vars": n for n in names}}
    ).encode()


def elsewhere(change=lambda group: None):
    """A file whose one record lies at another path."""

    def move(file, group):
        record().write(file.create_group("layers/b/vars"))
        change(file["layers/b/vars"])

    return hdf5(move, intact=False)


@case(RIGHT)
def second():
    return elsewhere()


@case(WRONG)
def second_wrong():
    return elsewhere(lambda group: put(group, "seed", np.uint64(4)))


@case(RIGHT, "weights.json")
def shards():
    return index("intact.weights.h5", "second.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shards_with_one_path():
    return index("intact.weights.h5", "other_seed.weights.h5")


@case(WRONG, "weights.json")
def second_shard():
    return index("intact.weights.h5", "second_wrong.weights.h5")


@case(NOT_CHECKED, "weights.json")
def second_shard_declares():
    return index("intact.weights.h5", "declares_gigabytes.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shard_elsewhere():
    return index("intact.weights.h5", "../corpus/intact.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shard_missing():
    return index("intact.weights.h5", "none.weights.h5")


@case(NOT_CHECKED, "weights.json")
def deep_index():
    return b"[" * 5000


@case(NOT_CHECKED, "keras")
def large_directory():
    """Of an archive that says so, and would be read whole."""
    data = bytearray(archive(hdf5()))
    data[-10:-6] = struct.pack("<I", 2**24)
    return bytes(data)


def main():
    CORPUS.mkdir(exist_ok=True)
    for name, write in _WRITERS:
        CORPUS.joinpath(name).write_bytes(write())


if __name__ == "__main__":
    main()
