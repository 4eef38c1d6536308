"""What hostile files are made with, and which there are."""

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np

from keras_randproj import matrices
from keras_randproj.files import Record

CORPUS = Path(__file__).parents[1] / "corpus"
GROUP = "layers/prp_dense/projection/vars"
WEIGHTS, CONFIG = "model.weights.h5", "config.json"
SECRET = "secret"
RIGHT, WRONG, NOT_CHECKED, NOTHING = range(4)
STATUS = {}
WRITERS = []


def case(status, kind="weights.h5"):
    """Registers a function that changes an intact file of one recipe."""

    def register(function):
        name = f"{function.__name__}.{kind}"
        STATUS[name] = status
        WRITERS.append((name, function))
        return function

    return register


def record(family="gaussian", seed=3, shape=(12, 5), digest=None, **options):
    made = matrices.get(family, **options)
    digest = digest or made.digest(seed, shape)
    return Record(family, seed, shape, digest, made.options())


def hdf5(change=lambda file, group: None, intact=True, **options):
    """Bytes of a weights file with one record, changed."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver="latest", **options) as file:
        group = file.create_group(GROUP)
        if intact:
            record().write(group)
        change(file, group)
    return buffer.getvalue()


def archive(weights, config="{}", method=zipfile.ZIP_STORED, extra=()):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for name, data in ((CONFIG, config), (WEIGHTS, weights), *extra):
            # With a fixed date: the same bytes each time.
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            with file.open(info, "w") as member:
                member.write(data.encode() if isinstance(data, str) else data)
    return buffer.getvalue()


def put(group, name, value, **options):
    del group[name]
    group.create_dataset(name, data=value, **options)


def text(value):
    return np.frombuffer(value.encode(), "uint8")
