"""Ways to damage a model file, by accident and on purpose.

Every mutation is a function of the intact thing and a NumPy generator: the
same generator gives the same damage.
"""

import json

from . import archive
from . import config
from . import hdf5
from . import raw

WEIGHTS_NAME = "model.weights.h5"
CONFIG_NAME = "config.json"


def mutate(data, kind, rng):
    """A damaged copy.

    Args:
        data: Bytes of a file.
        kind: `"keras"`, `"weights"`, `"config"` (bytes of JSON) or `"shards"`
            (an archive of an index and its shards).
        rng: A `numpy.random.Generator`.

    Returns:
        Name of the mutation and the new bytes.
    """
    change = {
        "keras": _keras,
        "weights": _weights,
        "config": _config,
        "shards": _shards,
    }[kind]
    return change(data, rng)


def _keras(data, rng):
    choice = rng.random()
    if choice < 0.1:
        return _raw(data, rng)
    members = archive.members(data)
    if choice < 0.5:
        name, text = _config(members[CONFIG_NAME], rng)
        members[CONFIG_NAME] = text
    elif choice < 0.85:
        name, weights = _weights(members[WEIGHTS_NAME], rng)
        members[WEIGHTS_NAME] = weights
    else:
        name, data = _pick(archive.MUTATIONS, rng, members)
        return name, data
    return name, archive.pack(members)


def _shards(data, rng):
    """One shard damaged, or the index; or one in the place of another."""
    members = archive.members(data)
    index = [name for name in members if name.endswith(".json")]
    names = [name for name in members if name not in index]
    chosen = names[rng.integers(len(names))]
    choice = rng.random()
    if choice < 0.2:
        name, members[index[0]] = _config(members[index[0]], rng)
    elif choice < 0.25:
        name = "drop_shard"
        del members[chosen]
    elif choice < 0.35:
        name = "shard_for_another"
        members[chosen] = members[names[rng.integers(len(names))]]
    else:
        name, members[chosen] = _weights(members[chosen], rng)
    return name, archive.pack(members)


def _weights(data, rng):
    if rng.random() < 0.4:
        return _raw(data, rng)
    return _pick(hdf5.MUTATIONS, rng, data)


def _raw(data, rng):
    return _pick(raw.MUTATIONS, rng, data)


def _config(data, rng):
    name, changed = _pick(config.MUTATIONS, rng, json.loads(data))
    text = changed if isinstance(changed, str) else json.dumps(changed)
    return name, text.encode()


def _pick(mutations, rng, thing):
    mutation = mutations[rng.integers(len(mutations))]
    return mutation.__name__, mutation(thing, rng)
