"""Runs a script once a backend, as Keras takes only one a process."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from experiments.results_file import where
from experiments.results_file import write

# JAX hands calls on a CPU to another thread, which takes longer than a small
# call. Set to "true", it does.
DISPATCH = {"JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}


def main(module, path, backends, rows, versions=None, **settings):
    """The command line of a script that measures one backend at a time.

    Args:
        module: Name of the script's module.
        path: `Path` of its results file.
        backends: Names of backends.
        rows: Function of a backend's name that yields dicts.
        versions: Dict of versions of further packages.
        **settings: What holds for all rows.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--backend", choices=backends, help="one alone")
    parser.add_argument("--json", type=Path, default=path)
    options = parser.parse_args()
    backend = options.backend
    if backend is None:
        runs, found = gather(module, backends)
    elif backend != os.environ.get("KERAS_BACKEND"):
        runs, found = gather(module, [backend])
    else:
        runs, found = [where(**versions or {})], []
        for row in rows(backend):
            found.append({"backend": backend, **row})
            print(found[-1], flush=True)
    write(options.json, f"python -m {module}", runs, found, **settings)


def gather(module, backends, *options):
    """What processes of the backends found.

    Args:
        module: Name of a module that takes `--backend` and `--json`.
        backends: Names of backends.
        *options: Further arguments of its command line.

    Returns:
        List of where they ran, and list of all rows.
    """
    runs, rows = [], []
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
        runs += found["where"]
        rows += found["rows"]
    return runs, rows
