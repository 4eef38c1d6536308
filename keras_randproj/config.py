"""Settings of the whole package."""

import os

from keras_randproj import _keras
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj.arguments import positive_integer

__all__ = [
    "implementation",
    "max_elements",
    "set_implementation",
    "set_max_elements",
]

MAX_ELEMENTS_VARIABLE = "KERAS_RANDPROJ_MAX_ELEMENTS"
DEFAULT_MAX_ELEMENTS = 2**31
# Each is a layer that takes time and kilobytes, however small it is.
MAX_MATRICES = 1024
# The key of a load's account in Keras's dict of that load: no file names it.
_ACCOUNT = object()

_max_elements: int | None = None


def max_elements() -> int:
    """The most entries that a projection matrix may declare.

    A model file of two kilobytes can declare a matrix of a terabyte, so the
    number of entries is checked before anything is allocated, when a layer is
    built. While `keras.saving.load_model` builds a model, it bounds all
    matrices of the model together, by the work that they take: an orthogonal
    matrix counts more than its entries. `verify` has a limit of its own.

    Returns:
        Integer: the value of `set_max_elements`, else of the environment
        variable `KERAS_RANDPROJ_MAX_ELEMENTS`, else 2**31.

    Example:

    >>> max_elements()
    2147483648
    """
    if _max_elements is not None:
        return _max_elements
    text = os.environ.get(MAX_ELEMENTS_VARIABLE)
    if text is None:
        return DEFAULT_MAX_ELEMENTS
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(
            f"`{MAX_ELEMENTS_VARIABLE}` must be a positive integer. "
            f"Received: {MAX_ELEMENTS_VARIABLE}={text!r}"
        )
    return int(text)


def set_max_elements(value: int | None) -> None:
    """Sets `max_elements()` for this process.

    Args:
        value: Positive integer, or `None` for the default.

    Raises:
        ValueError: If `value` is not a positive integer.

    Example:

    >>> set_max_elements(10**8)
    >>> max_elements()
    100000000
    >>> set_max_elements(None)
    """
    global _max_elements
    _max_elements = None if value is None else positive_integer("value", value)


def check_elements(shape: tuple[int, int], owner: str) -> None:
    """Refuses a matrix of more than `max_elements()` entries.

    Args:
        shape: `(input_dim, units)` of the matrix.
        owner: What declares it, for the message.

    Raises:
        ValueError: If it has too many entries.
    """
    entries = shape[0] * shape[1]
    declared = f"{owner} declares a matrix of {shape[0]} x {shape[1]} = "
    _check(entries, f"{declared}{entries} entries")


def check_cost(
    family: matrices.Family, shape: tuple[int, int], owner: str
) -> None:
    """Refuses a matrix that takes more work than `max_elements()` entries.

    Args:
        family: Of the matrix; a QR counts more than its entries.
        shape: `(input_dim, units)` of the matrix.
        owner: What declares it, for the message.

    Raises:
        ValueError: If it is too large.
    """
    entries, cost = shape[0] * shape[1], family.cost(shape)
    declared = f"{owner} declares a matrix of {shape[0]} x {shape[1]} = "
    _check(entries, f"{declared}{entries} entries")
    _check(
        cost,
        f"{declared}{entries} entries of the family '{family.name}', as much "
        f"work as {cost} plain entries",
    )


def charge(family: matrices.Family, shape: tuple[int, int], owner: str) -> None:
    """Checks a matrix that is about to be made, and counts it.

    While `keras.saving.load_model` builds a model, the matrices of one load
    are counted together. Each is charged once, by what makes it; a layer that
    looks ahead at what it will hold uses `check_cost`.

    Args:
        family: Of the matrix.
        shape: `(input_dim, units)` of the matrix.
        owner: What makes it, for the message.

    Raises:
        ValueError: If it is too large, alone or with the other matrices of
            the file that is being loaded.
    """
    check_cost(family, shape, owner)
    load = _keras.shared_objects()
    if load is None:
        return
    spent = load.get(_ACCOUNT, 0) + family.cost(shape)
    _check(
        spent,
        f"{owner} and the layers before it in the file declare matrices that "
        f"together take as much work as {spent} entries",
    )
    load[_ACCOUNT] = spent


def _check(entries, declared):
    limit = max_elements()
    if entries > limit:
        raise ValueError(
            f"{declared}, more than the limit of {limit}. If this is "
            "intended, raise the limit with "
            "`keras_randproj.config.set_max_elements` or the environment "
            f"variable {MAX_ELEMENTS_VARIABLE}."
        )


def check_count(count: int, owner: str) -> None:
    """Refuses a layer of more than 1,024 matrices.

    Args:
        count: Integer.
        owner: What declares them, for the message.

    Raises:
        ValueError: If there are too many.
    """
    if count > MAX_MATRICES:
        raise ValueError(
            f"{owner} declares more matrices than the limit of "
            f"{MAX_MATRICES}. Received: {count} matrices"
        )


def implementation() -> str | None:
    """The implementation that layers use when they name none themselves.

    Returns:
        String, or `None` where each call takes the fastest that can run.

    Example:

    >>> implementation() is None
    True
    """
    return kernels.default()


def set_implementation(value: str | None) -> None:
    """Sets the implementation used by layers with `implementation=None`.

    Args:
        value: `"reference"`, another implementation's name, or `None` to let
            each call take the fastest that can run.

    Raises:
        ValueError: If no implementation has that name.

    Example:

    >>> set_implementation("reference")
    >>> implementation()
    'reference'
    >>> set_implementation(None)
    """
    kernels.set_default(value)
