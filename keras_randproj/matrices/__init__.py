"""What a matrix is: a function of a family, a seed and a shape. NumPy alone."""

from keras_randproj.matrices.count_sketch import CountSketch as CountSketch
from keras_randproj.matrices.family import Family as Family
from keras_randproj.matrices.gaussian import Gaussian as Gaussian
from keras_randproj.matrices.hadamard import Hadamard as Hadamard
from keras_randproj.matrices.min_units import min_units as min_units
from keras_randproj.matrices.orthogonal import Orthogonal as Orthogonal
from keras_randproj.matrices.philox import derive_seed as derive_seed
from keras_randproj.matrices.philox import philox4x32 as philox4x32
from keras_randproj.matrices.rademacher import Rademacher as Rademacher
from keras_randproj.matrices.registry import entries as entries
from keras_randproj.matrices.registry import from_options as from_options
from keras_randproj.matrices.registry import get as get
from keras_randproj.matrices.registry import names as names
from keras_randproj.matrices.registry import register as register
from keras_randproj.matrices.registry import serialize as serialize
from keras_randproj.matrices.sparse_ternary import (
    SparseTernary as SparseTernary,
)
from keras_randproj.matrices.tiled_family import TiledFamily as TiledFamily
from keras_randproj.matrices.tiles import TileSpec as TileSpec

__all__ = [
    "CONTRACT_VERSION",
    "CountSketch",
    "Family",
    "Gaussian",
    "Hadamard",
    "Orthogonal",
    "Rademacher",
    "SparseTernary",
    "TileSpec",
    "TiledFamily",
    "derive_seed",
    "entries",
    "from_options",
    "get",
    "min_units",
    "names",
    "philox4x32",
    "register",
    "serialize",
]

CONTRACT_VERSION = 1
"""Integer, the version of `CONTRACT.md` that these families follow."""
