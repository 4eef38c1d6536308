"""What importing the package does: nothing but define names."""

import json
import os
import subprocess
import sys

import keras

PROBE = """
import json, sys
import keras
state = lambda: [keras.config.floatx(), keras.config.image_data_format(),
    keras.config.dtype_policy().name, keras.config.backend()]
before, modules = state(), set(sys.modules)
import random, numpy
draws = random.getstate(), numpy.random.get_state()[1].tolist()
import keras_randproj
same = draws == (random.getstate(), numpy.random.get_state()[1].tolist())
new = sorted(m for m in set(sys.modules) - modules)
print(json.dumps([before == state(), same, new]))
"""


def test_importing_loads_no_framework_and_sets_nothing():
    run = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
        check=True,
    )
    same_settings, same_draws, new = json.loads(run.stdout)
    assert same_settings
    assert same_draws
    names = {name.partition(".")[0] for name in new}
    banned = {"tensorflow", "jax", "jaxlib", "torch", "triton", "matplotlib"}
    assert not names & (banned | {"sklearn", "tensorflow_datasets"})
    assert not [name for name in new if name.startswith("jax.experimental")]
    assert "keras_randproj" in names


def test_public_names():
    import keras_randproj

    for name in ("PRPDense", "projections", "config"):
        assert hasattr(keras_randproj, name)
    assert keras_randproj.__version__
