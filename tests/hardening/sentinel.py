"""Notices what a file makes a process do, and bounds what it may allocate."""

import contextlib
import os
import resource
import sys
from pathlib import Path

import keras

from .mutations.config import TRAP

SUSPECT = {
    "ctypes.dlopen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "pty.spawn",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "subprocess.Popen",
    "urllib.Request",
    "webbrowser.open",
}
WRITING = frozenset("wax+")


class Sentinel:
    """Python's own audit events, while a file is loaded.

    Args:
        folder: Path of the only folder that may be written to, beside that of
            what JAX compiled. A module that must not be imported is put there,
            and on the import path.
    """

    def __init__(self, folder):
        self.folder = str(folder)
        compiled = os.environ.get("JAX_COMPILATION_CACHE_DIR", self.folder)
        self.writable = self.folder, compiled
        self.seen = None
        trap = Path(folder) / f"{TRAP}.py"
        trap.write_text("def run(*args, **kwargs):\n    return None\n")
        sys.path.insert(0, self.folder)
        sys.addaudithook(self._hear)

    def _hear(self, event, args):
        if self.seen is None:
            return
        if (
            event in SUSPECT
            or (event == "import" and args[0] == TRAP)
            or (event == "open" and self._writes(*args))
        ):
            self.seen.append(f"{event} {args}"[:200])

    def _writes(self, path, mode, flags):
        if not isinstance(path, str) or path.startswith(self.writable):
            return False
        return bool(WRITING & set(mode or "")) and path != "/dev/null"

    @contextlib.contextmanager
    def watching(self):
        """Yields the list of what was noticed inside."""
        self.seen = seen = []
        try:
            yield seen
        finally:
            self.seen = None


@contextlib.contextmanager
def bounded(size):
    """Address space of the process may grow by `size` bytes inside."""
    used = int(Path("/proc/self/statm").read_text().split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = used * resource.getpagesize() + size
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def record_failures(found):
    """Appends what is raised inside of Keras's loading, which only quotes it.

    Args:
        found: List that gets pairs of a layer, optimizer or metric and an
            exception.
    """
    pending = [
        keras.layers.Layer,
        keras.optimizers.Optimizer,
        keras.metrics.Metric,
    ]
    while pending:
        cls = pending.pop()
        pending += cls.__subclasses__()
        load = vars(cls).get("load_own_variables")
        if load is not None:
            cls.load_own_variables = _recording(load, found)


def _recording(load, found):
    def load_own_variables(self, store):
        try:
            load(self, store)
        except Exception as error:
            found.append((self, error))
            raise

    return load_own_variables
