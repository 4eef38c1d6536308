"""Fixtures of all tests. One process runs one backend, KERAS_BACKEND."""

import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without a GPU kernels run in interpreters. Triton is told when it is first
# imported, which torch does, and Keras imports torch.
# Kernels called from JAX are compiled, and not run.
if (
    not Path("/dev/nvidiactl").exists()
    and os.environ.get("KERAS_BACKEND") != "jax"
):
    os.environ.setdefault("TRITON_INTERPRET", "1")

# JAX compiles every operation of every shape, and a test runs it once: XLA
# makes no effort, and test processes share what one of them has compiled.
if os.environ.get("KERAS_BACKEND") == "jax":
    # On a GPU the default rounds a float32 to the 11 bits of a TF32.
    os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        compiled = tempfile.TemporaryDirectory(prefix="jax-of-tests-")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled.name
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import keras
import numpy as np
import pytest

HERE = Path(__file__).parent


def on_cuda():
    """Whether torch is the backend, and finds a GPU."""
    if keras.backend.backend() != "torch":
        return False
    import torch

    return torch.cuda.is_available()


if on_cuda():
    import torch

    # Keras puts its tensors there, and tests make some of their own.
    torch.set_default_device("cuda")


def pytest_collection_modifyitems(config, items):
    """Each test where it can tell something.

    What is the same on every backend runs on PyTorch alone. On a GPU what is
    about kernels for CPUs is skipped.
    """
    if keras.backend.backend() != "torch":
        elsewhere = [i for i in items if i.get_closest_marker("one_backend")]
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]
    if on_cuda():
        for item in items:
            if "torch_cpu" in item.nodeid:
                item.add_marker(pytest.mark.skip(reason="for CPUs"))


@pytest.fixture(autouse=True)
def _seeds():
    """Tests draw the same numbers each time."""
    keras.utils.set_random_seed(1234)


@pytest.fixture(scope="session")
def other_backend():
    """The functions of `other_backend`, as another backend computes them."""
    from hardening.backend_process import BackendProcess
    from other_backend import OTHER

    paths = filter(None, [str(HERE), os.environ.get("PYTHONPATH")])
    environment = {"PYTHONPATH": os.pathsep.join(paths)}
    process = BackendProcess(OTHER, "other_backend", environment)
    yield process.ask
    process.close()


@pytest.fixture
def rng():
    return np.random.default_rng(1234)
