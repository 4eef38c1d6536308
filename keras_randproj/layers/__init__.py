"""What a user puts in a model."""

from keras_randproj.layers.prp_dense import PRPDense as PRPDense
