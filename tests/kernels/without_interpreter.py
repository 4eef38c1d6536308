"""What a script says in a process without Triton's interpreter."""

import json
import os
import subprocess
import sys


def told_by(script, **environment):
    """The last line that it prints, JSON.

    Args:
        script: Path of a file two folders below the repository's root.
        **environment: Variables of the process, beside this one's.
    """
    given = os.environ | environment
    given["PYTHONPATH"] = os.pathsep.join([str(script.parents[2]), *sys.path])
    given.pop("TRITON_INTERPRET", None)
    told = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        env=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr[-4000:]
    return json.loads(told.stdout.splitlines()[-1])
