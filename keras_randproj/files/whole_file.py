"""Files that are there whole or not at all, whatever kills the process."""

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

PARTIAL = ".partial-"
MAX_END = 64


def write_whole(filepath: Any, write: Callable[[Path], Any]) -> None:
    """Puts a file in its place in one step, once all of it is written.

    What was there stays until then, and gives its permissions.

    Args:
        filepath: Path of the file, or of a link to it.
        write: Function that writes the file at the path that it is given.

    Raises:
        OSError: If there is something other than a regular file, or it cannot
            be written.
    """
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
            "Another process has replaced the partial file of a file. "
            f"Received: {partial}"
        )


def _flush_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
