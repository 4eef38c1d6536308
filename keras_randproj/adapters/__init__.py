"""Vectors and seeds around a trained model's own kernels."""

from keras_randproj.adapters.attach import attach as attach
from keras_randproj.adapters.detach import detach as detach
from keras_randproj.adapters.forms import FullRank as FullRank
from keras_randproj.adapters.forms import LowRank as LowRank
from keras_randproj.adapters.forms import Modulation as Modulation
from keras_randproj.adapters.forms import SeededLowRank as SeededLowRank
from keras_randproj.adapters.load import load as load
from keras_randproj.adapters.merge import merge as merge
from keras_randproj.adapters.save import save as save
