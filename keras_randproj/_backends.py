"""Which backend Keras will use, and which it could."""

import contextlib
import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "KERAS_BACKEND"
# What to install for each backend that this package works with.
PACKAGES = {"tensorflow": "tensorflow", "jax": "jax", "torch": "torch"}


def installed() -> list[str]:
    """The backends that are installed; none of them is imported."""
    return [
        name
        for name, package in PACKAGES.items()
        if importlib.util.find_spec(package) is not None
    ]


def chosen() -> str:
    """The backend that Keras takes: of the environment, its file, or its own.

    The file is `keras.json`, which Keras writes when it is first imported.
    """
    if os.environ.get(VARIABLE):
        return os.environ[VARIABLE]
    home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    with contextlib.suppress(OSError, ValueError, AttributeError):
        text = Path(home, "keras.json").read_text()
        return str(json.loads(text).get("backend", "tensorflow"))
    return "tensorflow"


def choose() -> str | None:
    """Sets the variable to an installed backend, where nothing is set.

    Returns:
        The backend, or `None` where the variable is set already or nothing is
        installed.
    """
    there = installed()
    if os.environ.get(VARIABLE) or not there:
        return None
    wanted = chosen()
    os.environ[VARIABLE] = wanted if wanted in there else there[0]
    return os.environ[VARIABLE]


@contextlib.contextmanager
def explaining() -> Iterator[None]:
    """Says which backend is missing, and which are not.

    Raises:
        ImportError: In place of one that a missing backend has caused.
    """
    try:
        yield
    except ImportError as error:
        there, wanted = installed(), chosen()
        if wanted in there or wanted not in PACKAGES:
            raise
        advice = (
            f"Set {VARIABLE}={there[0]} before Keras is imported."
            if there
            else "Install one: `pip install torch`, for instance."
        )
        raise ImportError(
            f"Keras's backend is {wanted!r}, which is not installed. "
            f"Installed: {', '.join(there) or 'none'}. {advice}"
        ) from error
