"""The names of layers, for the places that a `.keras` file gives them."""

import collections
import re
from typing import Any

from keras_randproj.files.hdf5 import MAX_PATH

# Models inside models, and layers that are named: those that come first.
MAX_DEPTH = 32
MAX_LAYERS = 2**14


def layer_names(config: Any) -> dict[str, str]:
    """The name of each layer of a model, by its place in the weights.

    Keras writes the weights of a model's layers under their classes and
    numbers them, `layers/prp_dense_1`; users, and `report`, know them by
    their names.

    Args:
        config: The configuration of a `.keras` file as JSON values, which
            are not trusted.

    Returns:
        Dict of names by places, such as `{"layers/prp_dense_1": "encoder"}`.

    Example:

    >>> layer = {"class_name": "PRPDense", "config": {"name": "encoder"}}
    >>> layer_names({"config": {"layers": [layer]}})
    {'layers/prp_dense': 'encoder'}
    """
    found: dict[str, str] = {}
    pending = collections.deque([("", config, 0)])
    count = 0
    while pending:
        prefix, model, depth = pending.popleft()
        for place, layer in _places(prefix, model):
            count += 1
            if count > MAX_LAYERS:
                return found
            if isinstance(layer["config"].get("name"), str):
                found[place] = layer["config"]["name"]
            if depth < MAX_DEPTH:
                pending.append((f"{place}/", layer, depth + 1))
    return found


def named(place: str, names: dict[str, str]) -> str:
    """A place by the name of the innermost layer around it; `""` without.

    Example:

    >>> named("layers/prp_dense/projection", {"layers/prp_dense": "encoder"})
    'encoder/projection'
    """
    parts = place.split("/")
    for k in range(len(parts), 0, -1):
        name = names.get("/".join(parts[:k]))
        if name is not None:
            return "/".join([name, *parts[k:]])
    return ""


def _places(prefix, model):
    """The layers of a model and where their weights are, by a prefix.

    A path that is longer than those of files, `files.hdf5`, is of no use.
    """
    counts: dict[str, int] = {}
    for layer in _layers(model):
        kind = layer["class_name"]
        if len(prefix) + len(kind) > MAX_PATH:
            continue
        count = counts[kind] = counts.get(kind, -1) + 1
        number = f"_{count}" if count else ""
        place = f"{prefix}layers/{_snake_case(kind)}{number}"
        yield place, layer
        # A wrapper keeps what it wraps by the name of the argument.
        for key, value in layer["config"].items():
            if _is_layer(value) and len(place) + len(key) <= MAX_PATH:
                yield f"{place}/{key}", value


def _layers(model):
    config = model.get("config") if isinstance(model, dict) else None
    layers = config.get("layers") if isinstance(config, dict) else None
    if not isinstance(layers, list):
        return []
    return [layer for layer in layers if _is_layer(layer)]


def _is_layer(value):
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_name"), str)
        and isinstance(value.get("config"), dict)
    )


def _snake_case(name):
    """As Keras makes the names of groups from those of classes."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()
