"""Checkpoints that a killed process cannot break."""

import os
from typing import Any

import keras

from keras_randproj.files.whole_file import write_whole


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
        write_whole(filepath, lambda path: self._model.save(path, **kwargs))

    def save_weights(self, filepath, **kwargs):
        write_whole(
            filepath, lambda path: self._model.save_weights(path, **kwargs)
        )
