"""From a trained model to one with random matrices."""

from keras_randproj.transfer.activation_polynomials import (
    PolynomialFit as PolynomialFit,
)
from keras_randproj.transfer.activation_polynomials import (
    activation_polynomials as activation_polynomials,
)
