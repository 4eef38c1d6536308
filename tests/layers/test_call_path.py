"""How far it is from a layer's call to the library's product."""

import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_randproj
from keras_randproj import PRPDense

HOME = str(Path(keras_randproj.__file__).parent)
BACKEND = keras.backend.backend()
# Functions of this package that are entered, the layer's `call` included.
LIMITS = {"gaussian": 6, "hadamard": 7}


def entered(layer, x):
    """Functions of the package that are active when the product starts."""
    paths = []

    def active(frame):
        names = []
        while frame is not None:
            if frame.f_code.co_filename.startswith(HOME):
                names.append(frame.f_code.co_qualname)
            frame = frame.f_back
        return names[::-1]

    def note(frame, event, arg):
        direct = event == "c_call" and arg.__name__ in PRODUCTS
        of_keras = event == "call" and frame.f_code.co_name == "matmul"
        if direct or of_keras:
            paths.append(active(frame))

    sys.setprofile(note)
    try:
        layer.call(x)
    finally:
        sys.setprofile(None)
    return [path for path in paths if path]


# What torch's blocks call directly.
PRODUCTS = ("mm", "bmm")


@pytest.mark.parametrize("family", LIMITS)
def test_few_functions_lie_between(family):
    layer = PRPDense(64, projection=family, seed=1)
    x = keras.ops.convert_to_tensor(np.ones((4, 64), "float32"))
    layer(x)
    paths = entered(layer, x)
    assert paths
    assert paths[0][0] == "PRPDense.call"
    assert max(map(len, paths)) <= LIMITS[family], paths
