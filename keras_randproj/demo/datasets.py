"""Small real data sets, as float32 rows and integer labels."""

import importlib.util

import numpy as np

from keras_randproj import _install

# Epochs and batch size that suit each.
SETTINGS = {
    "digits": {"epochs": 15, "batch_size": 32},
    "mnist": {"epochs": 10, "batch_size": 128},
    "fashion_mnist": {"epochs": 10, "batch_size": 128},
}


class DataUnavailable(RuntimeError):
    """Says what to install or run to get the data."""


def load(name):
    """Training and test data of a set in `SETTINGS`.

    Args:
        name: `"digits"` (scikit-learn's, no network), `"mnist"` or
            `"fashion_mnist"` (by tensorflow-datasets).

    Returns:
        `(x_train, y_train), (x_test, y_test)`; x float32
        `(samples, features)` in [0, 1].

    Raises:
        DataUnavailable: If the data cannot be had here.
    """
    train, test = _load_digits() if name == "digits" else _load_tfds(name)
    brightest = train[0].max()
    return tuple(
        ((x / brightest).reshape(len(x), -1), y) for x, y in (train, test)
    )


def _load_digits():
    _require("sklearn", "demo")
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(
        images.astype("float32"),
        labels,
        test_size=0.2,
        random_state=0,
        stratify=labels,
    )
    return (x_train, y_train), (x_test, y_test)


def _load_tfds(name):
    _require("tensorflow_datasets", "tutorials")
    import tensorflow_datasets as tfds

    builder = tfds.builder(name)
    if not builder.is_prepared():
        # TFDS goes on trying for some minutes: say now what will work.
        print(
            f"{name} is not in {builder.data_dir}: downloading it. Without a "
            "network, stop this and run `keras-randproj demo --dataset "
            "digits`, or point TFDS_DATA_DIR at a folder that holds it.",
            flush=True,
        )
    try:
        splits = tfds.load(
            name, split=["train", "test"], batch_size=-1, as_supervised=True
        )
    except Exception as error:
        raise DataUnavailable(
            f"tensorflow-datasets could not load {name!r}: {error}\n"
            "Run this once with a network, or point TFDS_DATA_DIR at a folder "
            "that holds the data. Without either, `keras-randproj demo "
            "--dataset digits` works."
        ) from error
    return [
        (np.asarray(x, "float32"), np.asarray(y, "int32")) for x, y in splits
    ]


def _require(module, extra):
    if importlib.util.find_spec(module) is None:
        raise DataUnavailable(
            f"{module} is missing. Install it: {_install.advice(extra)}"
        )
