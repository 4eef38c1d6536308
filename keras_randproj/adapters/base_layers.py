"""Which layers of a model an adapter's file is for."""

import re

from keras_randproj import _keras
from keras_randproj.adapters.fingerprint import fingerprint
from keras_randproj.adapters.surround import CLASSES
from keras_randproj.files.printable import printable


def base_layers(model, file):
    """The layers of a model that a file adapts.

    They have the class, the weights and the path that the file says, but for
    the numbers by which Keras tells layers without a name of their own apart:
    the same code gives `dense_2` when it runs again, and `dense` before.

    Args:
        model: A built model.
        file: An `AdapterFile`.

    Returns:
        List of layers, in the order of the file, each once.

    Raises:
        ValueError: If the model lacks one.
    """
    keys = [bytes(found) for found in file.fingerprints]
    places = list(zip(file.layers, keys, strict=True))
    alike = _alike(model, places)
    found: dict = {}
    # Those that have the very path are taken first.
    for exact in (True, False):
        for k, (place, key) in enumerate(places):
            same = alike[_uncounted(place.path), place.kind, key]
            fit = [x for x in same if not exact or _path(x) == place.path]
            if k in found or (exact and len(fit) != 1):
                continue
            if len(fit) != 1:
                raise ValueError(_reason(model, place, len(fit)))
            found[k] = fit[0]
            same.remove(fit[0])
    return [found[k] for k in range(len(places))]


def _alike(model, places):
    """Lists of the layers that have the path, class and weights of a place."""
    found: dict = {
        (_uncounted(place.path), place.kind, key): [] for place, key in places
    }
    named = {key[:2] for key in found}
    for layer in _keras.layers_in(model):
        name = _uncounted(_path(layer)), type(layer).__name__
        if name in named and type(layer) in CLASSES and layer.built:
            found.get((*name, fingerprint(layer.weights)), []).append(layer)
    return found


def _path(layer):
    return layer.path or layer.name


def _uncounted(path):
    """A path without the numbers at the ends of its names."""
    return re.sub(r"_\d+(?=/|$)", "", path)


def _reason(model, place, count):
    path, kind = printable(place.path), printable(place.kind)
    if count:
        return (
            f"'{model.name}' has {count} layers that may be the file's "
            f"'{path}', with the same weights: give the layers of the base "
            "names of their own."
        )
    name = _uncounted(place.path), place.kind
    for layer in _keras.layers_in(model):
        if (_uncounted(_path(layer)), type(layer).__name__) == name:
            return (
                f"Layer '{_path(layer)}' has other weights than the one that "
                "the adapter was trained on. Load it on its own base."
            )
    return (
        f"'{model.name}' has no layer '{path}' of the class {kind}, which the "
        "adapter is for: it is of another model, or has other names."
    )
