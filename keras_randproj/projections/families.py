"""The families by name: `"gaussian"`, `"hadamard"`, or a user's own."""

import keras

from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import seed_integer
from keras_randproj.projections.projection import Projection

FAMILIES: dict[str, type[Projection]] = {}
PACKAGE = "keras_randproj"


def register(cls=None, *, package="Custom"):
    """Makes a projection class available by its `family` name and to files.

    Args:
        cls: Subclass of `Projection` with a `family` of its own. A family of
            tiles takes a `code` of 256 or more: smaller ones are the
            contract's.
        package: String, the name that the class is saved under.

    Returns:
        The class; usable as a decorator.

    Raises:
        ValueError: If the class is no projection or its name is taken.
    """
    if cls is None:
        return lambda cls: register(cls, package=package)
    if not isinstance(cls, type) or not issubclass(cls, Projection):
        raise ValueError(
            f"`cls` must be a subclass of `Projection`. Received: cls={cls}"
        )
    taken = FAMILIES.get(cls.family)
    if not cls.family or (taken and taken.__qualname__ != cls.__qualname__):
        raise ValueError(
            "`cls.family` must be a name that no other family has. "
            f"Received: family={cls.family!r}, taken by {taken}"
        )
    FAMILIES[cls.family] = cls
    return keras.saving.register_keras_serializable(package)(cls)


def get(identifier, **options):
    """A projection from a name, a config or itself.

    Args:
        identifier: Name of a family, a serialized projection, or a
            `Projection`.
        **options: The family's options, with a name.

    Returns:
        A `Projection`; from a name, a template without units.

    Raises:
        ValueError: If there is no such family, or the identifier is none of
            these.
    """
    if isinstance(identifier, str):
        if identifier not in FAMILIES:
            raise ValueError(
                f"`projection` must be one of {sorted(FAMILIES)}, a "
                "`Projection`, or a registered family. "
                f"Received: projection={identifier!r}"
            )
        return FAMILIES[identifier](**options)
    if isinstance(identifier, dict):
        identifier = keras.saving.deserialize_keras_object(identifier)
    if not isinstance(identifier, Projection):
        raise ValueError(
            "`projection` must be the name of a family or a `Projection`. "
            f"Received: projection={identifier!r}"
        )
    return identifier


def entries(family, seed, rows, cols, stream=0, **family_options):
    """Any sub-block of a family's matrix, without making the rest.

    Args:
        family: Name of a family.
        seed: Integer in `[0, 2**64)`.
        rows: `(start, stop)`, integers, 0 <= start <= stop.
        cols: `(start, stop)`, likewise.
        stream: Integer, the third word of the counter.
        **family_options: `density` for `"sparse_ternary"`.

    Returns:
        float32 NumPy array `(stop - start, stop - start)` at unit variance;
        for `"hadamard"` the sign matrix of the stream.

    Raises:
        ValueError: If an argument is not as above, or the family's entries
            cannot be made alone (`"orthogonal"`).

    Example:

    >>> entries("rademacher", seed=7, rows=(0, 2), cols=(0, 3))
    array([[ 1.,  1., -1.],
           [ 1., -1.,  1.]], dtype=float32)
    """
    projection = get(family, **family_options)
    make = getattr(projection, "entries", None)
    if make is None:
        raise ValueError(
            f"Entries of {family!r} depend on the whole matrix and cannot be "
            f"made alone. Received: family={family!r}"
        )
    spans = [_span(name, s) for name, s in (("rows", rows), ("cols", cols))]
    stream = non_negative_integer("stream", stream)
    return make(seed_integer(seed), *spans, stream)


def _span(name, span):
    start, stop = (non_negative_integer(name, bound) for bound in span)
    if start > stop:
        raise ValueError(
            f"`{name}` must be (start, stop) with 0 <= start <= stop. "
            f"Received: {name}={span}"
        )
    return start, stop
