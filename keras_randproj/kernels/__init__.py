"""How a product with a projection is computed."""

from keras_randproj.kernels.activated import activated as activated
from keras_randproj.kernels.dispatch import IMPLEMENTATIONS as IMPLEMENTATIONS
from keras_randproj.kernels.dispatch import (
    check_implementation as check_implementation,
)
from keras_randproj.kernels.dispatch import default as default
from keras_randproj.kernels.dispatch import forced as forced
from keras_randproj.kernels.dispatch import modulate as modulate
from keras_randproj.kernels.dispatch import set_default as set_default
from keras_randproj.kernels.fused import add_product as add_product
from keras_randproj.kernels.fused import add_scaled as add_scaled
from keras_randproj.kernels.fused import out_of_scratch as out_of_scratch
from keras_randproj.kernels.fused import product as product
from keras_randproj.kernels.fused import scale_and_shift as scale_and_shift
from keras_randproj.kernels.fused import scaled as scaled
from keras_randproj.kernels.gain import split_gain as split_gain
from keras_randproj.kernels.inputs import dense_float as dense_float
from keras_randproj.kernels.levels import law as law
from keras_randproj.kernels.matmul import matmul as matmul
from keras_randproj.kernels.operands import ChosenTiles as ChosenTiles
from keras_randproj.kernels.operands import PackedMatrix as PackedMatrix
from keras_randproj.kernels.operands import SeededTiles as SeededTiles
from keras_randproj.kernels.operands import SignedHadamard as SignedHadamard
from keras_randproj.kernels.operands import StoredMatrix as StoredMatrix
from keras_randproj.kernels.reference.few_outputs import crowded as crowded
from keras_randproj.kernels.rowwise import (
    matmul_transposed as matmul_transposed,
)
from keras_randproj.kernels.rowwise import reshape as reshape
from keras_randproj.kernels.rowwise import take_last as take_last
from keras_randproj.kernels.rowwise import take_rows as take_rows
