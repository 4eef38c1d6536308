"""What worker processes do. A spawned one imports this and no Keras."""

import numpy as np

from keras_randproj import matrices
from keras_randproj.matrices import tiles


def block(seed):
    """Entries enough for several strips, which threads share."""
    spec = matrices.Gaussian().spec()
    return tiles.block(spec, seed, (0, 3000), (0, 1000)).tobytes()


def projected(x):
    """The rows of `x` through one matrix."""
    return x @ matrices.entries("gaussian", 7, (0, 16), (0, 8))


class Samples:
    """A data set for a torch loader: rows of an identity, projected."""

    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(index)
        x = np.eye(16, dtype="float32")[index]
        return x, projected(x)
