"""Fixtures of all tests. One process runs one backend, KERAS_BACKEND.

Keras is imported where it is used: xdist's own process, whose workers wait for
it, needs none.
"""

import os
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

BACKEND = os.environ.get("KERAS_BACKEND")

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without a GPU kernels run in interpreters. Triton is told when it is first
# imported, which torch does, and Keras imports torch.
# Kernels called from JAX are compiled, and not run.
NVIDIA = Path("/dev/nvidiactl").exists()
if not NVIDIA and BACKEND != "jax":
    os.environ.setdefault("TRITON_INTERPRET", "1")

# JAX compiles every operation of every shape, TensorFlow every step of `fit`,
# and a test runs it once: XLA makes no effort.
XLA = {"jax": "0.10.", "tensorflow": "2.21."}
if BACKEND in XLA:
    flags = "--xla_backend_optimization_level=0"
    # The newer emitters of loops build a compiler's context for each operation,
    # which takes longer than all else of its compilation. Other versions do not
    # know this flag, and end the process.
    if not NVIDIA and version(BACKEND).startswith(XLA[BACKEND]):
        flags += " --xla_cpu_use_fusion_emitters=false"
    os.environ.setdefault("XLA_FLAGS", flags)

# Test processes share what one of them has compiled.
if BACKEND == "jax":
    # On a GPU the default rounds a float32 to the 11 bits of a TF32.
    os.environ.setdefault("JAX_DEFAULT_MATMUL_PRECISION", "highest")
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        compiled = tempfile.TemporaryDirectory(prefix="jax-of-tests-")
        os.environ["JAX_COMPILATION_CACHE_DIR"] = compiled.name
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

HERE = Path(__file__).parent


def backend():
    import keras

    return keras.backend.backend()


def on_cuda():
    """Whether torch is the backend, and finds a GPU."""
    if not NVIDIA or backend() != "torch":
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
    if backend() != "torch":
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
    import keras

    keras.utils.set_random_seed(1234)


@pytest.fixture(autouse=True)
def _optimizers_before_steps(request, monkeypatch):
    """On TensorFlow, an optimizer has its variables before the first step.

    As on the other backends. Keras lets the step itself make them, which
    TensorFlow then traces twice; `keras_order` is for tests of that.
    """
    import keras

    if keras.backend.backend() != "tensorflow":
        return
    if request.node.get_closest_marker("keras_order"):
        return
    make_train_function = keras.Model.make_train_function

    def make(model, force=False):
        if model.built and not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        return make_train_function(model, force)

    monkeypatch.setattr(keras.Model, "make_train_function", make)


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
