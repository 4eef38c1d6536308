"""A model file in as few bytes as its format allows."""

import os
import zipfile
import zlib
from pathlib import Path

from keras_randproj.files.whole_file import write_whole

# Keras refuses what expands a hundred times, as it may be made to fill memory.
MOST = 50


def compact(path: str | os.PathLike[str]) -> int:
    """Compresses a `.keras` file in place; it loads and verifies as before.

    A `.keras` file is a zip archive that Keras does not compress. HDF5 takes
    about 1,300 bytes a group in it, most of them zeros, and JSON repeats
    itself, which is more than the learned vectors of a small model. Nothing
    is lost: every value keeps its bits.

    Args:
        path: Path of a `.keras` file.

    Returns:
        Integer, the bytes of the file now.

    Raises:
        ValueError: If it is no such file.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10)])
    >>> model.save("model.keras")
    >>> compact("model.keras") < 8_000
    True
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(
            f"`path` must be a `.keras` file ({error}). Received: path={path}"
        ) from error

    def write(partial):
        with zipfile.ZipFile(partial, "w", compresslevel=9) as archive:
            for name, data in members.items():
                archive.writestr(name, data, _method(data))

    write_whole(path, write)
    return path.stat().st_size


def _method(data):
    """Plain for a member that Keras would take for a bomb."""
    packed = len(zlib.compress(data, 9))
    if len(data) > MOST * packed or len(data) < packed:
        return zipfile.ZIP_STORED
    return zipfile.ZIP_DEFLATED
