"""Keras layers whose big matrix is a function of a seed."""

from keras_randproj import config as config
from keras_randproj import distribution as distribution
from keras_randproj import exports as exports
from keras_randproj import projections as projections
from keras_randproj import report as report
from keras_randproj import training as training
from keras_randproj import transfer as transfer
from keras_randproj.exports import export as export
from keras_randproj.layers import EUGenDense as EUGenDense
from keras_randproj.layers import PRPDense as PRPDense
from keras_randproj.layers import PRPMultiHeadAttention as PRPMultiHeadAttention
from keras_randproj.layers import PRPTransformerBlock as PRPTransformerBlock
from keras_randproj.transfer import convert as convert
from keras_randproj.transfer import distill as distill
from keras_randproj.transfer import distill_layer as distill_layer
from keras_randproj.transfer import merge as merge

__version__ = "0.1.0"
