"""Layers that share a matrix, and weights in several files."""

import json

import numpy as np

from .make import NOT_CHECKED
from .make import RIGHT
from .make import WRONG
from .make import archive
from .make import case
from .make import hdf5
from .make import put
from .make import record


def shared(seeds):
    """The configuration of two layers with one matrix, by their seeds."""

    def owner(seed):
        return {
            "registered_name": "keras_randproj>HeldMatrix",
            "config": {"family": "gaussian", "units": 5, "seed": seed},
            "shared_object_id": 7,
        }

    return json.dumps({"layers": [owner(seed) for seed in seeds]})


def two(seed):
    def change(file, group):
        record(seed=seed).write(file.create_group("layers/b/vars"))

    return hdf5(change)


@case(RIGHT, "keras")
def sharers_agree():
    return archive(two(3), shared([3, 3]))


@case(WRONG, "keras")
def sharers_disagree():
    return archive(two(4), shared([3, 3]))


@case(WRONG, "keras")
def sharers_disagree_in_config():
    return archive(two(4), shared([3, 4]))


def index(*names):
    return json.dumps(
        {"weight_map": {f"/layers/{n}/vars": n for n in names}}
    ).encode()


def elsewhere(change=lambda group: None):
    """A file whose one record lies at another path."""

    def move(file, group):
        record().write(file.create_group("layers/b/vars"))
        change(file["layers/b/vars"])

    return hdf5(move, intact=False)


@case(RIGHT)
def second():
    return elsewhere()


@case(WRONG)
def second_wrong():
    return elsewhere(lambda group: put(group, "seed", np.uint64(4)))


@case(RIGHT, "weights.json")
def shards():
    return index("intact.weights.h5", "second.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shards_with_one_path():
    return index("intact.weights.h5", "other_seed.weights.h5")


@case(WRONG, "weights.json")
def second_shard():
    return index("intact.weights.h5", "second_wrong.weights.h5")


@case(NOT_CHECKED, "weights.json")
def second_shard_declares():
    return index("intact.weights.h5", "declares_gigabytes.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shard_elsewhere():
    return index("intact.weights.h5", "../corpus/intact.weights.h5")


@case(NOT_CHECKED, "weights.json")
def shard_missing():
    return index("intact.weights.h5", "none.weights.h5")


@case(NOT_CHECKED, "weights.json")
def deep_index():
    return b"[" * 5000
