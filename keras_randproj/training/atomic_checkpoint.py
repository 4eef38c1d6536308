"""Checkpoints that a killed process cannot break."""

import os
from pathlib import Path

import keras

PARTIAL = ".partial-"


class AtomicCheckpoint(keras.callbacks.ModelCheckpoint):
    """`keras.callbacks.ModelCheckpoint`, the old file kept until the new is
    whole.

    Keras empties a checkpoint before it writes the next one in its place: a
    process that is killed meanwhile leaves neither. This callback writes to
    `.partial-NAME` in the same folder, flushes that to disk and renames it,
    which is one step for the file system. What a killed process leaves of the
    partial file is written over by the next checkpoint.

    Args:
        filepath: Path, see `keras.callbacks.ModelCheckpoint`; on a local file
            system.
        **kwargs: The other arguments of `keras.callbacks.ModelCheckpoint`.

    Raises:
        ValueError: If an argument is not as above.

    Example:

    >>> checkpoint = AtomicCheckpoint("best.keras", save_best_only=True)
    >>> model.fit(x, y, validation_split=0.1, callbacks=[checkpoint])
    """

    def __init__(self, filepath, **kwargs):
        if "://" in str(filepath):
            raise ValueError(
                "`filepath` must be on a local file system, which can rename "
                f"in one step. Received: filepath={filepath}"
            )
        super().__init__(filepath, **kwargs)

    @property
    def model(self):
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
    path = Path(filepath)
    partial = path.with_name(PARTIAL + path.name)
    try:
        write(partial)
        _flush(partial)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    if os.name == "posix":
        _flush(path.parent)


def _flush(path):
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
