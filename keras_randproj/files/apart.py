"""Reading a file in a process that the system ends when it takes too long."""

import json
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from keras_randproj.files.not_checked_error import NotCheckedError

# Of processor time: about twice what the bounds of `verify` allow to be made.
SECONDS = 8
# What reading raises: the messages come back, for what they were raised.
ERRORS = (MemoryError, OSError, RuntimeError, ValueError)


def apart(function: Callable[[], Any], seconds: int = SECONDS) -> Any:
    """What a function returns, computed in a fork of this process.

    HDF5 is a library in C. What it walks through may have no end, as trees
    may have one branch under many names, and no exception stops it.

    Args:
        function: Function without arguments that returns JSON values.
        seconds: Integer, of processor time.

    Raises:
        NotCheckedError: If it takes longer, or the process crashes.
        ValueError: If the function raised one of `ERRORS`.
    """
    if not hasattr(os, "fork"):
        return function()
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # The child takes no lock that another thread may hold.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if not child:
        _answer(function, seconds, reading, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise NotCheckedError(
            f"The file cannot be checked: reading it takes more than {seconds} "
            "seconds of processor time, `--max-seconds`, or makes HDF5 crash "
            f"(exit {code})."
        )
    answer = json.loads(data)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer["value"]


def _answer(function, seconds, reading, writing):
    """Ends the process, whatever the function does."""
    import resource

    code = 1
    try:
        os.close(reading)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        try:
            answer = {"value": function()}
        except ERRORS as error:
            answer = {"error": str(error) or type(error).__name__}
        with os.fdopen(writing, "wb") as file:
            file.write(json.dumps(answer).encode())
        code = 0
    except BaseException as error:
        print(f"keras-randproj: {error!r}"[:800], file=sys.stderr, flush=True)
    finally:
        os._exit(code)
