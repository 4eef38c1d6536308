"""Checks of constructor arguments, shared by every layer."""

import math
import numbers
import random
from typing import Any

MAX_SEED = 2**64 - 1


def positive_integer(name: str, value: Any) -> int:
    """`value` as an `int` of at least 1.

    Raises:
        ValueError: If it is not a positive integer; a bool is none.
    """
    return _integer(name, value, 1, "a positive integer")


def non_negative_integer(name: str, value: Any) -> int:
    """`value` as an `int` of at least 0.

    Raises:
        ValueError: If it is not a non-negative integer; a bool is none.
    """
    return _integer(name, value, 0, "a non-negative integer")


def positive_number(name: str, value: Any) -> float:
    """`value` as a finite `float` above 0.

    Raises:
        ValueError: If it is not a positive, finite number; a bool is none.
    """
    valid = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not valid or not math.isfinite(value) or value <= 0:
        raise ValueError(
            f"`{name}` must be a positive, finite number. "
            f"Received: {name}={value!r}"
        )
    return float(value)


def integers(name: str, value: Any) -> tuple[int, ...] | None:
    """An integer or a sequence of them as a tuple; `None` stays.

    Raises:
        ValueError: If it is neither.
    """
    if value is None:
        return None
    if isinstance(value, int):
        value = (value,)
    if not isinstance(value, (list, tuple)):
        raise ValueError(
            f"`{name}` must be an integer, a list or a tuple. "
            f"Received: {name}={value!r}"
        )
    return tuple(value)


def seed_integer(seed: Any) -> int:
    """`seed` as an `int` in `[0, 2**64)`.

    Raises:
        ValueError: If it is negative, too large, a float, a bool or a string.
    """
    wanted = "an integer in [0, 2**64), or None"
    value = _integer("seed", seed, 0, wanted)
    if value > MAX_SEED:
        raise ValueError(f"`seed` must be {wanted}. Received: seed={seed}")
    return value


def resolve_seed(seed: Any) -> int:
    """`seed`, or a fresh one from Python's `random` where it is `None`.

    Keras seeds its own layers from the same place, so
    `keras.utils.set_random_seed` rules both.
    """
    return random.getrandbits(64) if seed is None else seed_integer(seed)


def one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    """`value`, if it is one of `choices`.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, str) or value not in choices:
        raise ValueError(
            f"`{name}` must be one of {list(choices)}. "
            f"Received: {name}={value!r}"
        )
    return value


def last_dimension(layer, input_shape) -> int:
    """The size of the input's last axis, once it is known to be usable.

    Raises:
        ValueError: If the input has fewer than two axes, or its last axis is
            undefined or empty.
    """
    shape = tuple(input_shape)
    if len(shape) < 2:
        raise ValueError(
            f"{_describe(layer)} needs an input of rank 2 or more, "
            f"(batch, ..., features). Received: input_shape={shape}"
        )
    if shape[-1] is None or shape[-1] < 1:
        raise ValueError(
            f"{_describe(layer)} needs an input whose last dimension is "
            f"defined and positive. Received: input_shape={shape}"
        )
    return int(shape[-1])


def _describe(layer):
    return f"Layer '{layer.name}' ({type(layer).__name__})"


def _integer(name, value, smallest, wanted):
    valid = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not valid or value < smallest:
        raise ValueError(
            f"`{name}` must be {wanted}. Received: {name}={value!r}"
        )
    return int(value)
