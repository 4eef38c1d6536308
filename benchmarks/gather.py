"""Runs a benchmark once a backend, as Keras takes only one a process."""

import json
import os
import subprocess
import sys
import tempfile

# JAX hands calls on a CPU to another thread, which takes longer than a small
# call. Set to "true", it does.
DISPATCH = {"JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}


def gather(module, backends, *options):
    """What the processes wrote, as one.

    Args:
        module: Name of a module that takes `--backend` and `--json`.
        backends: Names of backends.
        *options: Further arguments of its command line.

    Returns:
        Dict with a list of `runs` and the `rows` of all.
    """
    gathered: dict = {"runs": [], "rows": []}
    for backend in backends:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [sys.executable, "-m", module, "--backend", backend]
            environment = {**DISPATCH, **os.environ, "KERAS_BACKEND": backend}
            subprocess.run(
                [*command, "--json", file.name, *options],
                env=environment,
                check=True,
            )
            found = json.load(file)
        gathered["rows"] += found.pop("rows")
        gathered["runs"].append(found)
    return gathered
