"""Arrays that wait on disk, so that recorded rows need no memory."""

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np


class Spool:
    """A list of tuples of arrays and `None`, in a temporary file."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115, lives as long.
        self._counts: list[list[bool]] = []

    def append(self, *arrays: Any) -> None:
        """Adds a tuple of arrays; `None` stays."""
        self._file.seek(0, 2)
        self._counts.append([array is not None for array in arrays])
        for array in arrays:
            if array is not None:
                np.save(self._file, array)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        place = 0
        for there in self._counts:
            self._file.seek(place)
            found = [np.load(self._file) if t else None for t in there]
            place = self._file.tell()
            yield tuple(found)
