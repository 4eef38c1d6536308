"""The steps of a round: a file is written, verified and read."""

import random
from pathlib import Path

import keras
import numpy as np

from keras_randproj import projections
from keras_randproj.files.verify import verify

from . import random_models

# Of the largest output.
TOLERANCE = 1e-4
KINDS = ("verify", "load", "digests", "matrices", "weights", "outputs")
BATCH = 3


def describe(seed):
    """A random model, see `random_models`."""
    return random_models.describe(random.Random(seed))


def write(path, description, seed):
    """Saves a model of random seeds and random trained parameters.

    What it computes goes to a file beside it.

    Args:
        path: String, name of a `.keras` or `.weights.h5` file.
        description: What `describe` returned.
        seed: Integer, of all that is drawn here.

    Returns:
        Dict with the digests of all matrices and the count of numbers.
    """
    keras.backend.clear_session()
    model = random_models.build(description, random.Random(seed))
    rng = np.random.default_rng(seed)
    for weight in model.trainable_weights:
        drawn = 0.3 * rng.normal(size=weight.shape) + 0.1
        weight.assign(drawn.astype("float32"))
    save = model.save if path.endswith(".keras") else model.save_weights
    save(path)
    weights = _weights(model)
    x = rng.normal(size=(BATCH, *description["input"])).astype("float32")
    arrays = {f"w{k}": value for k, value in enumerate(weights)}
    np.savez(_beside(path), x=x, y=_outputs(model, x), **arrays)
    return {
        "digests": [p.digest() for p in _projections(model)],
        "numbers": sum(value.size for value in weights),
    }


def check(path, digests):
    """Whether `verify` finds these digests in the file, each one right."""
    verdicts = verify(path)
    sound = all(verdict.ok for verdict in verdicts)
    return sound and {v.record.digest for v in verdicts} == set(digests)


def read(path, description, seed, digests):
    """Loads what `write` saved and compares.

    Args:
        path: String, name of the file.
        description: The model, to load bare weights into.
        seed: Integer, of that model; it should be another than the file's.
        digests: List of strings, those of the writer's matrices.

    Returns:
        Dict with the kinds of mismatches and the relative difference of
        outputs.
    """
    keras.backend.clear_session()
    there = np.load(_beside(path))
    try:
        model = _load(path, description, seed)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"[:500]
        return {"mismatches": ["load"], "said": said, "difference": None}
    mismatches = []
    found = _projections(model)
    if [p.digest() for p in found] != digests:
        mismatches.append("digests")
    try:
        for projection in found:
            projection.check_weights()
    except ValueError:
        mismatches.append("matrices")
    weights = _weights(model)
    wanted = [there[f"w{k}"] for k in range(len(there.files) - 2)]
    if [_bits(w) for w in weights] != [_bits(w) for w in wanted]:
        mismatches.append("weights")
    difference = _difference(_outputs(model, there["x"]), there["y"])
    # Not `>`: a difference that is NaN is one too.
    if not difference <= TOLERANCE:
        mismatches.append("outputs")
    return {"mismatches": mismatches, "difference": difference}


def _load(path, description, seed):
    if path.endswith(".keras"):
        return keras.models.load_model(path)
    model = random_models.build(description, random.Random(seed))
    for weight in model.trainable_weights:
        weight.assign(np.zeros(weight.shape, "float32"))
    model.load_weights(path)
    return model


def _beside(path):
    return Path(path).with_suffix(".npz")


def _projections(model):
    layers = model._flatten_layers(include_self=False)
    found = [x for x in layers if isinstance(x, projections.Projection)]
    return [p for p in found if p.built]


def _weights(model):
    return [keras.ops.convert_to_numpy(w) for w in model.trainable_weights]


def _bits(array):
    return array.shape, array.dtype.str, array.tobytes()


def _outputs(model, x):
    return keras.ops.convert_to_numpy(model(x, training=False))


def _difference(found, wanted):
    """The largest difference, relative to the largest number."""
    if found.shape != wanted.shape:
        return float("inf")
    largest = float(np.abs(wanted).max())
    difference = float(np.abs(found - wanted).max())
    return difference / largest if largest else difference
