"""A process of another backend, that tests have files written and read by.

In a ring: each backend writes, and each reads. All pairs are compared by
`tests/hardening/test_rounds.py`.
"""

import keras
import numpy as np

import keras_randproj

OTHERS = {"torch": "jax", "jax": "tensorflow", "tensorflow": "torch"}
OTHER = OTHERS[keras.backend.backend()]


def predict(model, x):
    """What the model of a file makes of `x`.

    Args:
        model: String, path of a `.keras` file.
        x: Nested lists of numbers.

    Returns:
        Nested lists.
    """
    loaded = keras.models.load_model(model)
    return loaded.predict(np.array(x, "float32"), verbose=0).tolist()


def write(folder, sizes):
    """Saves a layer of each family, and beside it what it computes.

    Args:
        folder: String, path.
        sizes: Dict of the layer's width by the name of its family.
    """
    for family, size in sizes.items():
        layer = keras_randproj.PRPDense(size, projection=family, seed=2**40 + 1)
        model = keras.Sequential([keras.Input((size,)), layer])
        rng = np.random.default_rng(1)
        for weight in model.trainable_weights:
            weight.assign(rng.normal(size=weight.shape))
        model.save(f"{folder}/{family}.keras")
        x = rng.normal(size=(2, size)).astype("float32")
        np.savez(
            f"{folder}/{family}.npz",
            x=x,
            y=model.predict(x, verbose=0),
            p=layer.projection.materialize()[-3:],
            digest=layer.projection.digest(),
        )


if __name__ == "__main__":
    from hardening.backend_process import serve

    serve({"predict": predict, "write": write})
