"""`verify` on hostile files: what it says, takes and leaves alone."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from . import hostile
from .hostile import CORPUS
from .hostile import STATUS
from .hostile import adapters
from .watch import Watch

BYTES = 1_000_000


@pytest.fixture(scope="module")
def watch():
    watch = Watch()
    yield watch
    watch.close()


@pytest.mark.parametrize("name", sorted(STATUS))
def test_status_time_memory_and_opened_files(name, watch):
    seen = watch.verify(CORPUS / name)
    assert seen.problems() == []
    assert seen.status == STATUS[name], seen.printed


def test_the_corpus_is_what_the_script_writes():
    assert {path.name for path in CORPUS.iterdir()} == set(STATUS)
    assert sum(path.stat().st_size for path in CORPUS.iterdir()) < BYTES


def test_nothing_of_another_file_is_printed(watch, tmp_path):
    """The value of another file, where a recipe names it as its storage."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"gaussian of a user")
    for name in ("family", "seed", "digest", "options"):
        path = tmp_path / f"{name}.weights.h5"

        def change(file, group, name=name):
            shape, dtype = group[name].shape or (1,), group[name].dtype
            del group[name]
            size = int(np.prod(shape)) * dtype.itemsize
            group.create_dataset(
                name, shape, dtype, external=[(str(secret), 0, size)]
            )

        path.write_bytes(hostile.hdf5(change))
        seen = watch.verify(path)
        assert (seen.status, seen.problems()) == (2, [])
        assert "lies in another file" in seen.printed


def test_a_pipe_in_place_of_a_file(watch, tmp_path):
    for name in ("a.keras", "a.weights.h5", "a.weights.json"):
        path = tmp_path / name
        os.mkfifo(path)
        seen = watch.verify(path)
        assert (seen.status, seen.problems()) == (2, [])
    path = tmp_path / "b.weights.json"
    os.mkfifo(tmp_path / "b_00000.weights.h5")
    path.write_text('{"weight_map": {"/vars": "b_00000.weights.h5"}}')
    seen = watch.verify(path)
    assert (seen.status, seen.problems()) == (2, [])


@pytest.mark.parametrize(
    "suffix", ["keras", "weights.h5", "weights.json", "safetensors"]
)
def test_what_is_no_regular_file(suffix, watch, tmp_path):
    """Devices, folders, endless files of the system, and gigabytes of zeros.

    Links lead to the first: the name is one of a model.
    """
    path = tmp_path / f"a.{suffix}"
    for target in ("/dev/zero", "/proc/self/mem", "/proc/self/pagemap", "."):
        path.symlink_to(target)
        seen = watch.verify(path)
        # The target itself, which the link names.
        assert (seen.status, seen.problems()) == (2, []), target
        path.unlink()
    for size in (2**27, 2**31 - 1, 2**40):
        with open(path, "wb") as file:
            file.truncate(size)
        seen = watch.verify(path)
        assert (seen.status, seen.problems()) == (2, []), size
    path.unlink()
    path.symlink_to(path)
    for name in (
        path,
        tmp_path / f"{'a' * 300}.{suffix}",
        tmp_path / "no" / "",
    ):
        seen = watch.verify(name)
        assert (seen.status, seen.problems()) == (2, [])


def test_shards_lie_where_the_index_lies(watch, tmp_path):
    """Also where links lead to both, as in the caches of downloads."""
    there, cache = tmp_path / "there", tmp_path / "cache"
    for folder in (there, cache):
        folder.mkdir()
    names = ("shards.weights.json", "intact.weights.h5", "second.weights.h5")
    for name in names:
        there.joinpath(name).write_bytes((CORPUS / name).read_bytes())
        (cache / name).symlink_to(there / name)
    assert watch.verify(there / names[0]).status == 0
    assert watch.verify(cache / names[0]).status == 0
    (there / names[2]).rename(tmp_path / names[2])
    (there / names[2]).symlink_to(tmp_path / names[2])
    seen = watch.verify(there / names[0])
    assert (seen.status, seen.problems()) == (2, [])
    assert "another folder" in seen.printed


def test_headers_of_adapters_take_linear_time(watch, tmp_path):
    """A product of a million sizes, and thousands of forms of each layer."""
    path = tmp_path / "a.safetensors"

    def sizes(header):
        header["vectors"]["shape"] = [2**62] * 300_000

    layers = dict.fromkeys(map(str, range(8000)), 0)
    kinds = [["Dense", [12, 5], [0] * 8000]]
    text = json.dumps(adapters.recipe(layers=layers, kinds=kinds))
    for data in (
        adapters.file(change=sizes),
        adapters.file(text, adapters.arrays(8000)),
    ):
        path.write_bytes(data)
        seen = watch.verify(path)
        assert (seen.status, seen.problems()) == (2, [])
    # One that is right, and as large as may be read without leave.
    count = 2**25 - 1000
    path.write_bytes(adapters.file(held=adapters.arrays(vectors=count)))
    seen = watch.verify(path)
    assert (seen.status, seen.problems()) == (0, [])
    path.write_bytes(adapters.file(held=adapters.arrays(vectors=count + 1000)))
    seen = watch.verify(path)
    assert (seen.status, seen.problems()) == (2, [])
    assert watch.verify(path, "--max-bytes", str(2**28)).status == 0


def test_many_objects_take_linear_time(watch, tmp_path):
    """Thirty thousand groups, and more than any model has."""
    for count, status in ((30_000, 0), (101_000, 2)):
        path = tmp_path / f"{count}.weights.h5"

        def change(file, group, count=count):
            for k in range(count // 100):
                inner = file.create_group(f"layers/{k}")
                for _ in range(99):
                    inner.create_group(str(_))

        path.write_bytes(hostile.hdf5(change))
        seen = watch.verify(path)
        assert (seen.status, seen.problems()) == (status, [])


def test_the_budget_is_of_all_recipes_and_can_be_raised(watch):
    path = CORPUS / "many.weights.h5"
    seen = watch.verify(path, "--max-elements", str(2**25))
    lines = seen.printed.splitlines()
    assert sum(line.startswith("FAILED") for line in lines) == 2
    assert sum(line.startswith("NOT CHECKED") for line in lines) == 15
    small = watch.verify(CORPUS / "intact.weights.h5", "--max-elements", "10")
    assert small.status == 2
    assert "--max-elements" in small.printed


def test_a_large_file_needs_leave(watch):
    path = CORPUS / "intact.weights.h5"
    seen = watch.verify(path, "--max-bytes", "1000")
    assert seen.status == 2
    assert "too large" in seen.printed


def test_verify_needs_neither_keras_nor_a_framework():
    """In a process where importing Keras or a framework raises."""
    path = str(CORPUS / "intact_archive.keras")
    code = (
        "import sys\n"
        "for name in ('keras', 'torch', 'jax', 'tensorflow'):\n"
        "    sys.modules[name] = None\n"
        "from keras_randproj.cli import main\n"
        f"sys.exit(main(['verify', {path!r}]))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("ok: layers/prp_dense/projection: gaussian")
