"""The families by name: `"gaussian"`, `"hadamard"`, or a user's own."""

from collections.abc import Mapping
from typing import Any
from typing import TypeAlias

import numpy as np

from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import seed_integer
from keras_randproj.matrices.family import Family

# What `get` takes: a name, a family, or a config.
FamilyLike: TypeAlias = str | Family | dict[str, Any]

_FAMILIES: dict[str, type[Family]] = {}


def register(cls: type[Family]) -> type[Family]:
    """Makes a family available by its `name`, to layers and to files.

    Args:
        cls: Subclass of `Family` with a `name` of its own. A family of tiles
            takes a `code` of 256 or more: smaller ones are the contract's.

    Returns:
        The class; usable as a decorator.

    Raises:
        ValueError: If the class is no family or its name is taken.

    Example:

    >>> @matrices.register
    ... class Ones(matrices.Family):
    ...     name = "ones"
    ...
    ...     def matrix(self, seed, shape):
    ...         return np.ones(shape)
    >>> PRPDense(4, projection="ones")(np.ones((2, 3))).shape
    (2, 4)
    """
    if not isinstance(cls, type) or not issubclass(cls, Family):
        raise ValueError(
            f"`cls` must be a subclass of `Family`. Received: cls={cls}"
        )
    taken = _FAMILIES.get(cls.name)
    if not cls.name or (taken and taken.__qualname__ != cls.__qualname__):
        raise ValueError(
            "`cls.name` must be a name that no other family has. "
            f"Received: name={cls.name!r}, taken by {taken}"
        )
    _FAMILIES[cls.name] = cls
    return cls


def names() -> list[str]:
    """The names of all registered families.

    Returns:
        Sorted list of strings.

    Example:

    >>> "hadamard" in names()
    True
    """
    return sorted(_FAMILIES)


def get(identifier: Any, **options: Any) -> Family:
    """A family from its name, its config or itself.

    Args:
        identifier: String, one of `names()`; a dict that `serialize`
            returned; or a `Family`.
        **options: With a name, the family's options, and `rows`, see
            `Family.choose`.

    Returns:
        A `Family`.

    Raises:
        ValueError: If there is no such family, or it has no such options.

    Example:

    >>> get("sparse_ternary", density=0.1)
    SparseTernary(density=0.1)
    """
    if isinstance(identifier, Family) and not options:
        return identifier
    if isinstance(identifier, dict) and "name" in identifier:
        options = {**identifier, **options}
        identifier = options.pop("name")
    cls = _named(identifier)
    rows = options.pop("rows", None)
    try:
        family = cls(**options)
    except TypeError:
        raise ValueError(
            f"The family '{identifier}' has no such options. "
            f"Received: {options!r}"
        ) from None
    return family if rows is None else family.choose(rows)


def from_options(name: str, options: Mapping[str, Any]) -> Family:
    """The family of a file: `get`, for a name and options not trusted.

    Args:
        name: String, one of `names()`.
        options: Mapping, checked against the family's `option_types`.

    Returns:
        A `Family`.

    Raises:
        ValueError: If there is no such family, or its options are others.

    Example:

    >>> from_options("sparse_ternary", {"density": 0.1})
    SparseTernary(density=0.1)
    """
    return _named(name).from_options(options)


def _named(name):
    if not isinstance(name, str) or name not in _FAMILIES:
        raise ValueError(
            f"`projection` must name a family, one of {names()}, or be one. "
            f"Received: projection={name!r}"
        )
    return _FAMILIES[name]


def serialize(family: Family) -> str | dict[str, Any]:
    """A family as a JSON value: its name where that says it all.

    Args:
        family: A `Family`.

    Returns:
        String, or a dict of the name and the options.

    Example:

    >>> serialize(get("gaussian"))
    'gaussian'
    """
    options = family.options()
    if family.rows is not None:
        options = {**options, "rows": list(family.rows)}
    return {"name": family.name, **options} if options else family.name


def entries(
    family: str,
    seed: int,
    rows: tuple[int, int],
    cols: tuple[int, int],
    stream: int = 0,
    **family_options: Any,
) -> np.ndarray:
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
    array([[-1., -1.,  1.],
           [-1.,  1., -1.]], dtype=float32)
    """
    make = getattr(get(family, **family_options), "entries", None)
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
