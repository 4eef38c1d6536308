"""Forms by name, as configs and files have them."""

from typing import Any

from keras_randproj.adapters import forms
from keras_randproj.adapters.forms import Form
from keras_randproj.files.adapter_file import AdaptedPlace

FORMS: dict[str, type[Form]] = {
    cls.__name__: cls
    for cls in (
        forms.FullRank,
        forms.LowRank,
        forms.Modulation,
        forms.SeededLowRank,
        forms.SeededUpdate,
    )
}


def serialize(form: Form) -> dict[str, Any]:
    """A form as JSON values."""
    return {"form": type(form).__name__, **form.get_config()}


def form(given: Any) -> Form:
    """A form from itself, or from what `serialize` returned.

    What a file says is not trusted: it names a form of this package, and
    gives it every argument, with a value of the argument's type.

    Raises:
        ValueError: If it is none of these.
    """
    if isinstance(given, Form):
        return given
    arguments = dict(given) if isinstance(given, dict) else {}
    cls = FORMS.get(str(arguments.pop("form", None)))
    if cls is None:
        raise ValueError(
            f"A form of an adapter must be one of {sorted(FORMS)}. "
            f"Received: {given!r}"
        )
    types = cls.argument_types
    fits = arguments.keys() == types.keys() and all(
        type(value) is types[name] for name, value in arguments.items()
    )
    if not fits:
        wanted = {name: kind.__name__ for name, kind in types.items()}
        raise ValueError(
            f"`{cls.__name__}` takes the arguments {wanted}. "
            f"Received: {arguments!r}"
        )
    return cls(**arguments)


def learned(layers):
    """What adapters learn, in the order of files: each variable once.

    Args:
        layers: List of `AdaptedLayer`.

    Returns:
        List of triples of a part, a name and a variable.
    """
    found: dict[int, tuple] = {}
    for layer in layers:
        for part in layer.adapter.parts:
            for name, variable in part.variables.items():
                found.setdefault(id(variable), (part, name, variable))
    return list(found.values())


def table(layers):
    """The forms of adapted layers, each once, and the layers with indices."""
    found, places = [], []
    for layer in layers:
        indices = []
        for one in map(serialize, layer.adapter.forms):
            if one not in found:
                found.append(one)
            indices.append(found.index(one))
        places.append(
            AdaptedPlace(
                path=layer.path,
                kind=layer.base_class.__name__,
                shape=layer.matrix_shape,
                forms=tuple(indices),
            )
        )
    return found, places


def records(layers):
    """What files say of the seed-made matrices of layers, each once."""
    found = []
    for layer in layers:
        for part in layer.adapter.parts:
            for holder in part.holders:
                record = holder.record()
                if record not in found:
                    found.append(record)
    return found
