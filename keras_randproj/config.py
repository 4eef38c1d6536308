"""Settings of the whole package."""

import os

from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj.arguments import positive_integer

MAX_ELEMENTS_VARIABLE = "KERAS_RANDPROJ_MAX_ELEMENTS"
DEFAULT_MAX_ELEMENTS = 2**31
# Each is a layer that takes time and kilobytes, however small it is.
MAX_MATRICES = 1024

_max_elements: int | None = None


def max_elements() -> int:
    """The most entries that a projection matrix may declare.

    A model file of two kilobytes can declare a matrix of a terabyte, so the
    number of entries is checked before anything is allocated, when a layer is
    built and when a file is loaded or verified.

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
    limit = max_elements()
    if shape[0] * shape[1] > limit:
        raise ValueError(
            f"{owner} declares a matrix of {shape[0]} x {shape[1]} = "
            f"{shape[0] * shape[1]} entries, more than the limit of {limit}. "
            "If this is intended, raise the limit with "
            "`keras_randproj.config.set_max_elements` or the environment "
            f"variable {MAX_ELEMENTS_VARIABLE}."
        )


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
    check_elements(shape, owner)
    cost, limit = family.cost(shape), max_elements()
    if cost > limit:
        raise ValueError(
            f"{owner} declares a matrix of the family '{family.name}' of "
            f"{shape[0]} x {shape[1]} entries, as much work as {cost} plain "
            f"entries, more than the limit of {limit}. If this is intended, "
            "raise the limit with `keras_randproj.config.set_max_elements` or "
            f"the environment variable {MAX_ELEMENTS_VARIABLE}."
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
    """
    kernels.set_default(value)
