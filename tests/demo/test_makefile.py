"""What `make` says of a backend that there is not."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.one_backend

ROOT = Path(__file__).parents[2]


@pytest.fixture
def make(tmp_path):
    """Says what make would do, in a folder where nothing is installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)

    def run(*arguments):
        return subprocess.run(
            ["make", "--dry-run", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.mark.parametrize(
    ("target", "variable", "value"),
    [
        ("demo", "BACKEND", "pytorch"),
        ("demo", "BACKEND", "Torch"),
        ("demo", "BACKEND", ""),
        ("demo", "BACKEND", "torch jax"),
        ("test", "BACKENDS", "pytorch"),
        ("test-distributed", "BACKENDS", "jax pytorch"),
        ("test-exports", "BACKENDS", "tf"),
        ("test-hardening", "BACKENDS", ""),
        ("tutorials-fast", "BACKENDS", "numpy"),
    ],
)
def test_a_backend_that_there_is_not_is_named(make, target, variable, value):
    done = make(target, f"{variable}={value}")
    assert done.returncode != 0
    expected = (
        f"{variable} must be torch, jax or tensorflow. "
        f"Received: {variable}={value}"
    )
    assert expected in done.stderr
    assert "pip" not in done.stdout


@pytest.mark.parametrize("backend", ["torch", "jax", "tensorflow"])
def test_a_backend_that_there_is_is_taken(make, backend):
    done = make("demo", f"BACKEND={backend}")
    assert done.returncode == 0, done.stderr
    assert f'-e ".[{backend},demo]"' in done.stdout
    assert f"KERAS_BACKEND={backend} " in done.stdout


def test_targets_without_a_backend_do_not_ask_for_one(make):
    done = make("lint", "BACKEND=cuda", "BACKENDS=cuda")
    assert done.returncode == 0, done.stderr
    assert "ruff" in done.stdout
