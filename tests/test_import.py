"""What importing the package does: nothing but define names."""

import json
import os
import subprocess
import sys

import keras
import pytest

PROBE = """
import json, sys
import keras
import pytest
state = lambda: [keras.config.floatx(), keras.config.image_data_format(),
    keras.config.dtype_policy().name, keras.config.backend()]
before, modules = state(), set(sys.modules)
import random, numpy
draws = random.getstate(), numpy.random.get_state()[1].tolist()
import keras_randproj as kr
same = draws == (random.getstate(), numpy.random.get_state()[1].tolist())
new = sorted(m for m in set(sys.modules) - modules)
same_settings = before == state()

x = keras.ops.ones((2, 8))
kr.PRPDense(4, depth=2, residual_rank=1)(x)
kr.PRPDense(4, projection="hadamard", storage="seed")(x)
kr.EUGenDense(4, num_features=3, modulation=True)(x)
y = keras.ops.ones((2, 3, 8))
kr.PRPMultiHeadAttention(2, 4, projection="hadamard")(y, y)
print(json.dumps([same_settings, same, new, "tensorflow" in sys.modules]))
"""


# TensorFlow, whose import takes longest, is what the others may not load.
elsewhere = pytest.mark.skipif(
    keras.backend.backend() == "tensorflow", reason="a process takes seconds"
)


@pytest.fixture(scope="module")
def seen():
    """What a new process saw: a process takes seconds."""
    run = subprocess.run(
        [sys.executable, "-c", PROBE],
        env={**os.environ, "KERAS_BACKEND": keras.backend.backend()},
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@elsewhere
def test_importing_loads_no_framework_and_sets_nothing(seen):
    same_settings, same_draws, new, _ = seen
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


@elsewhere
def test_building_layers_leaves_tensorflow_alone(seen):
    """Keras imports it to make configs, which takes seconds and 0.4 GiB."""
    assert seen[-1] is False
