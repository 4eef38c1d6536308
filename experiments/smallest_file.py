"""How small can Keras's file of a model be, whatever its layers hold?

    python -m experiments.smallest_file

Three layers of the classifier 784-512-256-10 that write all they have, vectors
and 80 bytes for a seed and a digest, as a single array. No layer can write
less often, so that this is the least that `model.save` takes for as many
parameters in three layers. Beside it are the layers of this package, and Dense.
"""

import math
import tempfile
from pathlib import Path

import keras
import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import PRPDense
from keras_randproj import files

PATH = Path(__file__).parent / "results" / "smallest_file.json"
Dense = keras.layers.Dense


@keras.saving.register_keras_serializable("experiments")
class OneArray(keras.layers.Layer):
    """Writes as many numbers as `PRPDense` trains, and 80 bytes."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape):
        count = input_shape[-1] + 2 * self.units + 80 // 4
        self.held = self.add_weight((count,), name="held")

    def call(self, inputs):
        return inputs[:, :1] * keras.ops.ones((1, self.units))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


NETWORKS = {
    "`PRPDense`, 784-512-256-10": [
        PRPDense(units, seed=seed) for seed, units in enumerate((512, 256, 10))
    ],
    "three layers of one array each": [
        OneArray(units) for units in (512, 256, 10)
    ],
    "`Dense`, 784-4-10": [Dense(4), Dense(10)],
}


def main():
    rows = []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.keras")
        for name, layers in NETWORKS.items():
            model = keras.Sequential([keras.Input((784,)), *layers])
            for weight in model.trainable_weights:  # Zeros would compress.
                weight.assign(rng.normal(size=weight.shape))
            model.save(path)
            row = {
                "network": name,
                "array_bytes": 4 * sum(map(_trainable, layers)),
                "file_bytes": path.stat().st_size,
                "compact_bytes": files.compact(path),
            }
            rows.append(row)
            print(row)
    what = "python -m experiments.smallest_file"
    write(PATH, what, [where()], rows)


def _trainable(layer):
    return sum(math.prod(w.shape) for w in layer.trainable_weights)


if __name__ == "__main__":
    main()
