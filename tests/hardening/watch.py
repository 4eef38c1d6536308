"""Runs `keras-randproj verify` under watch: time, memory, opened files.

A process without Keras forks for each file, so that a crash or a hang is a
result like any other. It runs in a folder with pipes that nobody
writes to where files may lead: whatever opens one, in C too, hangs.
"""

import contextlib
import io
import json
import os
import resource
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Where hostile files and mutants lead to.
SECRETS = ("secret", "secret.weights.h5")
SECONDS, MEGABYTES = 10, 300
# Seconds by the clock, in which so many of processor time are had anywhere.
PATIENCE = 120
# Of one printed line: a name, a path and a family, each of 200 at most, and a
# problem.
LONGEST = 1200


@dataclass(frozen=True)
class Seen:
    """What a run of `verify` did.

    Args:
        status: Exit status; negative for a signal.
        printed: Standard output and standard error.
        seconds: Of processor time.
        megabytes: Above the start of the process.
        opened: Files that were opened, without the file itself.
        imported: Which of Keras and the frameworks were imported.
    """

    status: int
    printed: str
    seconds: float
    megabytes: float
    opened: tuple[str, ...] = ()
    imported: tuple[str, ...] = ()

    def problems(self):
        """What must not be, as a list of strings."""
        checks = {
            f"status {self.status}": self.status not in range(4),
            "a traceback": "Traceback" in self.printed,
            f"{self.seconds} s": self.seconds > SECONDS,
            f"{self.megabytes} MB": self.megabytes > MEGABYTES,
            f"opened {self.opened}": self.opened,
            f"imported {self.imported}": self.imported,
        }
        for line in self.printed.split("\n"):
            checks[f"printed {line!a}"[:300]] = (
                len(line) > LONGEST or not line.isprintable()
            )
        return [said for said, bad in checks.items() if bad]


class Watch:
    """A process that verifies files, started again where it died."""

    def __init__(self):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.hardening.watch"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def verify(self, path, *options):
        """What `keras-randproj verify` does with a file, a `Seen`."""
        request = json.dumps([os.path.abspath(path), *options])
        self._process.stdin.write(request + "\n")
        self._process.stdin.flush()
        return Seen(**json.loads(self._process.stdout.readline()))

    def close(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def _serve():
    from keras_randproj import cli
    from keras_randproj.files import summary as summary

    with tempfile.TemporaryDirectory() as folder:
        for name in SECRETS:
            os.mkfifo(Path(folder, name))
        os.chdir(folder)
        for line in sys.stdin:
            print(json.dumps(_forked(cli, json.loads(line))), flush=True)


def _forked(cli, arguments):
    read, write = os.pipe()
    child = os.fork()
    if not child:
        try:
            answer = json.dumps(_run(cli, arguments))
            os.write(write, answer.encode())
        finally:
            os._exit(0)
    os.close(write)
    text = b""
    # A busy machine is no hang.
    while select.select([read], [], [], PATIENCE)[0]:
        piece = os.read(read, 2**16)
        text += piece
        if not piece:
            break
    else:
        os.kill(child, signal.SIGKILL)
    os.close(read)
    _, code, used = os.wait4(child, 0)
    status = os.waitstatus_to_exitcode(code)
    seconds = round(used.ru_utime + used.ru_stime, 2)
    if text:
        return {**json.loads(text), "seconds": seconds}
    return {
        "status": status or -1,
        "printed": "",
        "seconds": seconds,
        "megabytes": 0,
    }


def _run(cli, arguments):
    from keras_randproj.files import apart as guard

    own = arguments[0]
    beside = os.path.dirname(own) if own.endswith(".json") else own
    # Modules that are imported late, and private temporary files.
    fine = (beside, tempfile.gettempdir(), sys.base_prefix, sys.prefix)
    fine += (str(ROOT / "keras_randproj"), "/proc/self")
    opened, printed = [], io.StringIO()

    def hear(event, args):
        if event == "open" and not str(args[0]).startswith(fine):
            opened.append(str(args[0]))

    before = most = _peak()
    sys.addaudithook(hear)

    def apart(function, seconds=guard.SECONDS, fork=guard.apart):
        """As the command does it, and what its fork opened and took."""
        nonlocal most
        value, error, names, peak = fork(lambda: observed(function), seconds)
        opened[:] = names
        most = max(most, peak)
        if error is not None:
            raise ValueError(error)
        return value

    def observed(function):
        try:
            value, error = function(), None
        except guard.ERRORS as raised:
            value, error = None, str(raised)
        return value, error, opened, _peak()

    guard.apart = apart
    with (
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(printed),
    ):
        try:
            status = cli.main(["verify", *arguments])
        except BaseException:
            status = -1
            traceback.print_exc(file=printed)
    return {
        "status": status,
        "printed": printed.getvalue()[:50_000],
        "megabytes": (max(most, _peak()) - before) // 1024,
        "opened": [name for name in opened if not name.isdigit()],
        "imported": [
            name
            for name in ("keras", "torch", "jax", "tensorflow")
            if name in sys.modules
        ],
    }


def _peak():
    """Kilobytes of memory of this process, at its most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    _serve()
