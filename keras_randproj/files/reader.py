"""Reading the weights of a Keras file without building its model."""

import contextlib
import io
import zipfile
from pathlib import Path

import h5py

from keras_randproj.files.record import Record
from keras_randproj.files.record import is_record

WEIGHTS_NAME = "model.weights.h5"


@contextlib.contextmanager
def open_weights(path):
    """The weights of a `.keras` or `.weights.h5` file as an `h5py.File`.

    Args:
        path: Path of the file.

    Raises:
        ValueError: If it is neither, or holds no weights.
    """
    path = Path(path)
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                source = io.BytesIO(archive.read(WEIGHTS_NAME))
        else:
            source = path
        file = h5py.File(source, "r")
    except (KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            "The file must be a `.keras` or `.weights.h5` file with its "
            f"weights intact. Received: path={str(path)!r} ({error})"
        ) from error
    with file:
        yield file


def groups(file):
    """Path and group of everything in the file, following no link out of it.

    Raises:
        ValueError: If the file has soft or external links, which no file
            that Keras writes has.
    """
    pending = [("", file)]
    while pending:
        path, group = pending.pop()
        yield path, group
        for name in sorted(group.keys(), reverse=True):
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise ValueError(
                    "The file must not link to other places. Received: "
                    f"a {type(link).__name__} at '{path}/{name}'"
                )
            child = group[name]
            if isinstance(child, h5py.Group):
                pending.append((f"{path}/{name}".lstrip("/"), child))


def records_behind(store):
    """The recipes of all matrices in the file that a store reads from.

    Args:
        store: Store of Keras while it loads; of a dict nothing is known.

    Returns:
        List of `Record`.
    """
    file = getattr(store, "h5_file", None)
    if file is None:
        return []
    return [
        Record.read(group, name)
        for name, group in groups(file)
        if is_record(group)
    ]
