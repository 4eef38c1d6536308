"""From a trained model to one with random matrices."""

from keras_randproj.layers.eugen.activation_polynomials import (
    PolynomialFit as PolynomialFit,
)
from keras_randproj.layers.eugen.activation_polynomials import (
    activation_polynomials as activation_polynomials,
)
from keras_randproj.transfer.convert import convert as convert
from keras_randproj.transfer.distill import Distillation as Distillation
from keras_randproj.transfer.distill import distill as distill
from keras_randproj.transfer.distill_layer import distill_layer as distill_layer
from keras_randproj.transfer.distillation_report import (
    DistillationReport as DistillationReport,
)
from keras_randproj.transfer.merge import merge as merge
from keras_randproj.transfer.rules import feed_forwards as feed_forwards
from keras_randproj.transfer.rules import to_eugen as to_eugen
from keras_randproj.transfer.rules import to_prp as to_prp

__all__ = [
    "Distillation",
    "DistillationReport",
    "PolynomialFit",
    "activation_polynomials",
    "convert",
    "distill",
    "distill_layer",
    "feed_forwards",
    "merge",
    "to_eugen",
    "to_prp",
]
