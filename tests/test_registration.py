"""`load_model` finds our layers, whichever package is imported first."""

import os
import subprocess
import sys

import keras
import pytest

from keras_randproj import PRPDense

LOAD = "model = keras.saving.load_model(sys.argv[1])\nassert model.built\n"
# Ways to import the package and Keras.
ORDERS = {
    "keras_first": "import keras\nimport keras_randproj\n",
    "keras_last": "import keras_randproj\nimport keras\n",
    "inside_of_a_part": "import keras_randproj.projections\nimport keras\n",
    "inside_of_a_name": "from keras_randproj import PRPDense\nimport keras\n",
}
AFTERWARDS = """
assert not [f for f in sys.meta_path if "AfterKeras" in type(f).__name__]
assert type(keras.__spec__.loader) is type(keras.__loader__)
assert "_Loader" not in type(keras.__loader__).__name__
import inspect
assert inspect.getsource(keras)
"""
# Each in a process of its own, a fork of one that has imported what takes
# seconds: Keras's own imports, and nothing of Keras.
FORKS = """
import os, sys
import sklearn.base, torch._dynamo
assert not {"keras", "keras_randproj"} & {*sys.modules}
for code in sys.argv[2:]:
    if os.fork() == 0:
        exec(code)
        sys.exit()
    _, status = os.wait()
    assert status == 0, code
"""
ENVIRONMENT = {**os.environ, "KERAS_BACKEND": keras.backend.backend()}


def run(code, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
    )


@pytest.mark.one_backend
def test_a_file_loads_in_every_order(tmp_path):
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), PRPDense(3, seed=1)]).save(path)
    ways = [order + LOAD + AFTERWARDS for order in ORDERS.values()]
    done = run(FORKS, path, *ways)
    assert done.returncode == 0, done.stderr


@pytest.mark.one_backend
def test_parts_that_need_no_keras_import_none():
    code = (
        "import sys\n"
        "for name in ('keras', 'torch', 'jax', 'tensorflow'):\n"
        "    sys.modules[name] = None\n"
        "import keras_randproj, keras_randproj.files\n"
        "from keras_randproj import matrices\n"
        "print(matrices.get('gaussian').digest(3, (12, 5)))\n"
    )
    done = run(code)
    assert done.stdout == "bf3d18d4303f4e7a21e960cbea26fe9a\n", done.stderr


def test_the_table_of_names_is_whole():
    import keras_randproj

    for name in (*keras_randproj._PARTS, *keras_randproj._NAMES):
        assert getattr(keras_randproj, name) is not None
        assert name in dir(keras_randproj)
    with pytest.raises(AttributeError, match="no_such"):
        keras_randproj.no_such  # noqa: B018


HIDDEN = """
import importlib.util, sys
find = importlib.util.find_spec
hidden = sys.argv[1].split(",")
for name in hidden:
    sys.modules[name] = None
importlib.util.find_spec = lambda name: (
    None if name in hidden else find(name)
)
"""


@pytest.mark.one_backend
@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ("tensorflow", "Installed: jax, torch. Set KERAS_BACKEND=jax"),
        ("tensorflow,jax,torch", "Installed: none. Install one"),
    ],
)
def test_a_missing_backend_is_named_with_those_that_are_there(hidden, said):
    code = HIDDEN + "from keras_randproj import PRPDense\n"
    done = run(code, hidden, KERAS_BACKEND="tensorflow")
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: Keras's backend is 'tensorflow'")
    assert said in last


@pytest.mark.one_backend
@pytest.mark.parametrize("command", ["verify", "report"])
def test_the_command_takes_a_backend_that_is_there(command, tmp_path):
    """With no variable set, and Keras's own file naming what is missing."""
    path = tmp_path / "m.keras"
    keras.Sequential([keras.Input((4,)), PRPDense(3, seed=1)]).save(path)
    code = HIDDEN + (
        "from keras_randproj.cli import main\nsys.exit(main(sys.argv[2:]))\n"
    )
    (tmp_path / "keras.json").write_text('{"backend": "tensorflow"}')
    done = run(
        code,
        "tensorflow,jax",
        command,
        path,
        KERAS_BACKEND="",
        KERAS_HOME=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    told = "keras-randproj: KERAS_BACKEND is not set, taking torch\n"
    assert (told in done.stderr) == (command == "report")
