"""Layers that hold a random matrix."""

from keras_randproj.matrices import entries as entries
from keras_randproj.projections.gaussian import Gaussian as Gaussian
from keras_randproj.projections.hadamard import Hadamard as Hadamard
from keras_randproj.projections.held_matrix import HeldMatrix as HeldMatrix
from keras_randproj.projections.make import family_of as family_of
from keras_randproj.projections.make import get as get
from keras_randproj.projections.orthogonal import Orthogonal as Orthogonal
from keras_randproj.projections.projection import Projection as Projection
from keras_randproj.projections.rademacher import Rademacher as Rademacher
from keras_randproj.projections.sparse_ternary import (
    SparseTernary as SparseTernary,
)
from keras_randproj.projections.stack import ProjectionStack as ProjectionStack

__all__ = [
    "Gaussian",
    "Hadamard",
    "Orthogonal",
    "Projection",
    "Rademacher",
    "SparseTernary",
    "entries",
    "get",
]
