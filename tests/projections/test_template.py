"""A template imports no framework but the backend's."""

import os
import subprocess
import sys

import keras
import pytest

PROBE = """
import sys
import keras
import keras_randproj
layer = keras_randproj.PRPDense(4, projection="hadamard", seed=0)
layer.build((None, 4))
print("tensorflow" in sys.modules)
"""


@pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="it is the backend"
)
def test_building_a_layer_loads_no_other_framework():
    run = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "False"
