"""What the matrix is: families of fixed random matrices, known by a seed."""

from keras_randproj.projections.families import entries as entries
from keras_randproj.projections.families import get as get
from keras_randproj.projections.families import register as register
from keras_randproj.projections.gaussian import Gaussian as Gaussian
from keras_randproj.projections.hadamard import Hadamard as Hadamard
from keras_randproj.projections.min_units import min_units as min_units
from keras_randproj.projections.orthogonal import Orthogonal as Orthogonal
from keras_randproj.projections.projection import Projection as Projection
from keras_randproj.projections.rademacher import Rademacher as Rademacher
from keras_randproj.projections.record import (
    CONTRACT_VERSION as CONTRACT_VERSION,
)
from keras_randproj.projections.shared import Shared as Shared
from keras_randproj.projections.sparse_ternary import (
    SparseTernary as SparseTernary,
)
from keras_randproj.projections.template import Template as Template
from keras_randproj.projections.tiled import TiledProjection as TiledProjection
from keras_randproj.projections.tiles import TileSpec as TileSpec
from keras_randproj.projections.transposed import Transposed as Transposed
