"""How a projection is computed, and the choice between implementations."""

from keras_randproj.kernels.dispatch import IMPLEMENTATIONS as IMPLEMENTATIONS
from keras_randproj.kernels.dispatch import (
    check_implementation as check_implementation,
)
from keras_randproj.kernels.dispatch import modulate as modulate
from keras_randproj.kernels.dispatch import modulate_stages as modulate_stages
from keras_randproj.kernels.few_outputs import crowded as crowded
from keras_randproj.kernels.operands import PackedMatrix as PackedMatrix
from keras_randproj.kernels.operands import SeededTiles as SeededTiles
from keras_randproj.kernels.operands import SignedHadamard as SignedHadamard
from keras_randproj.kernels.operands import StoredMatrix as StoredMatrix
from keras_randproj.kernels.unsupported import Unsupported as Unsupported
from keras_randproj.kernels.walsh import factors as factors
from keras_randproj.kernels.walsh import row_of_h as row_of_h
from keras_randproj.kernels.walsh import walsh_matrix as walsh_matrix
