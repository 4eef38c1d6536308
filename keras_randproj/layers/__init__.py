"""What a user puts in a model."""

from keras_randproj.layers.attention.prp_multi_head_attention import (
    PRPMultiHeadAttention as PRPMultiHeadAttention,
)
from keras_randproj.layers.axes_adapter import AxesAdapter as AxesAdapter
from keras_randproj.layers.eugen.eugen_dense import EUGenDense as EUGenDense
from keras_randproj.layers.eugen.features import EUGenFeatures as EUGenFeatures
from keras_randproj.layers.prp_dense import PRPDense as PRPDense
from keras_randproj.layers.prp_transformer_block import (
    PRPTransformerBlock as PRPTransformerBlock,
)

__all__ = [
    "AxesAdapter",
    "EUGenDense",
    "EUGenFeatures",
    "PRPDense",
    "PRPMultiHeadAttention",
    "PRPTransformerBlock",
]
