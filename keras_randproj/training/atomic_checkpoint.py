"""Checkpoints that a killed process cannot break."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Any

import keras

PARTIAL = ".partial-"
MAX_END = 64


class AtomicCheckpoint(keras.callbacks.ModelCheckpoint):
    """`keras.callbacks.ModelCheckpoint`, the old file kept until the new is
    whole.

    Keras empties a checkpoint before it writes the next one in its place: a
    process that is killed meanwhile leaves neither. This callback writes a
    file of another name, `.partial-` and random letters, in the same folder,
    flushes it to disk and renames it, which is one step for the file system.
    The new file has the mode of the old one; a symbolic link at `filepath` is
    written through, as Keras does. Of two processes that write one path at a
    time, one wins, and its file is whole. What a killed process leaves of a
    partial file may be deleted.

    Args:
        filepath: Path, see `keras.callbacks.ModelCheckpoint`; on a local file
            system.
        **kwargs: The other arguments of `keras.callbacks.ModelCheckpoint`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> model = keras.Sequential([keras.Input((4,)), PRPDense(1)])
    >>> model.compile("adam", "mse")
    >>> checkpoint = AtomicCheckpoint("best.keras", monitor="loss")
    >>> x, y = np.ones((8, 4)), np.ones((8, 1))
    >>> history = model.fit(x, y, callbacks=[checkpoint], verbose=0)
    >>> keras.models.load_model("best.keras").count_params()
    10
    """

    def __init__(self, filepath: str | os.PathLike[str], **kwargs: Any) -> None:
        if "://" in str(filepath):
            raise ValueError(
                "`filepath` must be on a local file system, which can rename "
                f"in one step. Received: filepath={filepath}"
            )
        super().__init__(filepath, **kwargs)

    @property
    def model(self) -> Any:
        return _AtomicSaving(super().model)


class _AtomicSaving:
    """A model whose files appear when they are whole."""

    def __init__(self, model):
        self._model = model

    def __getattr__(self, name):
        return getattr(self._model, name)

    def save(self, filepath, **kwargs):
        _replace(filepath, lambda path: self._model.save(path, **kwargs))

    def save_weights(self, filepath, **kwargs):
        _replace(
            filepath, lambda path: self._model.save_weights(path, **kwargs)
        )


def _replace(filepath, write):
    # The file that a link leads to, in whose folder it is renamed.
    path = Path(os.path.realpath(filepath))
    mode = _mode(path)
    # A new file of an unpredictable name, that no link was planted at. Keras
    # tells formats by the name's end; the whole name could be too long.
    end = path.name[-MAX_END:]
    descriptor, name = tempfile.mkstemp(end, PARTIAL, path.parent)
    partial = Path(name)
    try:
        write(partial)
        _check_same(descriptor, partial)
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)
        os.fsync(descriptor)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    if os.name == "posix":
        _flush_folder(path.parent)


def _mode(path):
    """The permissions of the old file; without one, what Keras would give."""
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):
            # Renaming would put a file in the place of a device, or a pipe.
            raise OSError(f"It is no regular file. Received: {path}")
        return stat.S_IMODE(mode)
    except FileNotFoundError:
        mask = os.umask(0o077)  # It can only be read by setting it.
        os.umask(mask)
        return 0o666 & ~mask


def _check_same(descriptor, partial):
    """Whether the name still means the file that was made for it."""
    if not os.path.samestat(os.fstat(descriptor), os.lstat(partial)):
        raise OSError(
            "Another process has replaced the partial file of a checkpoint. "
            f"Received: {partial}"
        )


def _flush_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
