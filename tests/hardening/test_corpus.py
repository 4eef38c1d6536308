"""`verify` on hostile files: what it says, takes and leaves alone."""

import os
import subprocess
import sys

import numpy as np
import pytest

from . import hostile
from .hostile import CORPUS
from .hostile import STATUS
from .watch import Watch

BYTES = 300_000


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
