"""Vectors and seeds around a trained model's own kernels."""

from keras_randproj.adapters.adapter_bank import AdapterBank
from keras_randproj.adapters.attach import attach
from keras_randproj.adapters.detach import detach
from keras_randproj.adapters.forms import FullRank
from keras_randproj.adapters.forms import LowRank
from keras_randproj.adapters.forms import Modulation
from keras_randproj.adapters.forms import SeededLowRank
from keras_randproj.adapters.forms import SeededUpdate
from keras_randproj.adapters.load import load
from keras_randproj.adapters.merge import merge
from keras_randproj.adapters.save import save

__all__ = [
    "AdapterBank",
    "FullRank",
    "LowRank",
    "Modulation",
    "SeededLowRank",
    "SeededUpdate",
    "attach",
    "detach",
    "load",
    "merge",
    "save",
]
