"""Whether layers of one configuration that share a matrix have one recipe."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from keras_randproj.files.record import Record
from keras_randproj.files.verdict import Verdict

HELD = "keras_randproj>HeldMatrix"


def check_sharing(config: Any, records: Iterable[Record]) -> list[Verdict]:
    """A verdict for each shared matrix whose owners cannot all have it.

    Every owner's group in the file holds its own recipe. Which group belongs
    to which owner is known to Keras alone, so they are counted: a matrix that
    `k` owners share needs `k` records of its recipe.

    Args:
        config: The configuration of a `.keras` file as JSON values.
        records: The readable records of the file.

    Returns:
        List of `Verdict`, empty where nothing speaks against the file.
    """
    there = Counter(
        _key(
            record.family,
            record.options,
            record.shape[1],
            record.seed,
            record.rows,
        )
        for record in records
    )
    found = []
    for number, owners in _shared(config).items():
        recipes = {_recipe(owner) for owner in owners}
        said = f"{len(owners)} layers share matrix {number!r} of the config"
        if len(recipes) > 1:
            problem = f"{said} and give it different recipes"
        elif there[next(iter(recipes))] < len(owners):
            problem = f"{said}, and fewer recipes of the file are its"
        else:
            continue
        found.append(Verdict("config.json", None, problem))
    return found


def _shared(config):
    """The configurations of shared matrices, by Keras's number of each."""
    shared: dict[str, list] = {}
    pending = [config]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            number = node.get("shared_object_id")
            if node.get("registered_name") == HELD and number is not None:
                shared.setdefault(repr(number), []).append(node.get("config"))
            pending += node.values()
        elif isinstance(node, list):
            pending += node
    return shared


def _recipe(config):
    """Family, options, columns and seed of a shared matrix."""
    values = config if isinstance(config, dict) else {}
    family = values.get("family")
    options = dict(family) if isinstance(family, dict) else {}
    name = options.pop("name", family)
    rows = options.pop("rows", None)
    return _key(name, options, values.get("units"), values.get("seed"), rows)


def _key(*values):
    """What can be compared and counted, whatever a file has there."""
    return json.dumps(values, sort_keys=True)
