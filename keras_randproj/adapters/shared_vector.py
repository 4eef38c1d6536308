"""One vector for all layers of a model, and how it is spread over them."""

import keras
import numpy as np

from keras_randproj import config as settings
from keras_randproj import matrices
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import seed_integer
from keras_randproj.files.read_arrays import read_weights
from keras_randproj.files.record import Record
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.matrices.count_sketch import columns
from keras_randproj.matrices.count_sketch import counts

FAMILY = matrices.CountSketch()


@keras.saving.register_keras_serializable("keras_randproj")
class SharedVector(WholeLayer):
    """The vector that `SeededUpdate` learns for a whole model.

    The adapters of all its layers hold this one object. Keras restores the
    sharing where it saves or copies them together.

    Args:
        size: Positive integer, numbers that are learned.
        total: Positive integer, numbers that they are spread over.
        seed: Integer in `[0, 2**64)`, of the `count_sketch` that does it.
        slots: `None`, or how many vectors a bank of adapters has, in rows.
    """

    def __init__(self, size, total, seed, slots=None, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.size = positive_integer("size", size)
        self.total = positive_integer("total", total)
        self.seed = seed_integer(seed)
        if size > total:
            raise ValueError(
                "`SeededUpdate` must learn no more numbers than the factors "
                f"of its layers have, {total}. Received: size={size}"
            )
        self.slots = slots
        self.vector = None

    def build(self, input_shape=None):
        shape = (self.total, self.size)
        settings.check_elements((self.total, 1), self.described)
        rows = () if self.slots is None else (self.slots,)
        self.vector = self.add_weight(
            (*rows, self.size), "zeros", name="vector", trainable=not rows
        )
        self.counted = counts(self.seed, shape)

    def index(self, start, stop):
        """Where the numbers of some places stand in the vector and its minus.

        Returns:
            int32 array `(stop - start,)`, below `2 * size`.
        """
        found, signs = columns(self.seed, self.size, (start, stop))
        return (found + self.size * (signs < 0)).astype("int32")

    def roots(self):
        """float32 array `(size,)`: what makes the spreading isometric."""
        return (1 / np.sqrt(self.counted)).astype("float32")

    def record(self):
        """What a file holds of the matrix that spreads the vector."""
        shape = (self.total, self.size)
        digest = FAMILY.digest(self.seed, shape)
        return Record(FAMILY.name, self.seed, shape, digest)

    def read_own_variables(self, store):
        return read_weights(self, store)

    def serialize(self):
        """The config that each adapter which shares it holds of it.

        Keras numbers an object that it meets twice; it copies nested configs
        before it does, so the number is set here.
        """
        config = keras.saving.serialize_keras_object(self)
        return {**config, "shared_object_id": id(self)}

    def get_build_config(self):
        # Whoever holds it builds it.
        return None

    def get_config(self):
        config = {"size": self.size, "total": self.total, "seed": self.seed}
        return {**super().get_config(), **config}
