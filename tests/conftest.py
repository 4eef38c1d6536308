"""Fixtures of all tests. One process runs one backend, KERAS_BACKEND."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Without a GPU kernels run in interpreters. Triton is told when it is first
# imported, which torch does, and Keras imports torch.
if not Path("/dev/nvidiactl").exists():
    os.environ.setdefault("TRITON_INTERPRET", "1")
    os.environ.setdefault("KERAS_RANDPROJ_PALLAS_INTERPRET", "1")

import keras
import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _seeds():
    """Tests draw the same numbers each time."""
    keras.utils.set_random_seed(1234)


@pytest.fixture
def rng():
    return np.random.default_rng(1234)
