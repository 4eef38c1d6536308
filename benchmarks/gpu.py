"""Kernels on a GPU: `python -m benchmarks.gpu --backend torch` or `jax`.

It ends within five minutes; rows of the other backend stay in the file.
"""

import argparse
import importlib
import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "gpu.json"
SECONDS = 300
PACKAGES = {"torch": ["triton"], "jax": ["jax-triton", "triton"]}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu")
    parser.add_argument("--backend", choices=PACKAGES, default="torch")
    parser.add_argument("--json", default=str(RESULTS), help="file to write")
    parser.add_argument("--seconds", type=float, default=SECONDS)
    options = parser.parse_args()
    os.environ["KERAS_BACKEND"] = options.backend
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    found = importlib.import_module(f"benchmarks.gpu_{options.backend}")
    device = found.device()
    if device is None:
        sys.exit(
            f"This benchmark measures CUDA kernels, and {options.backend} "
            "sees no CUDA device. Nothing was measured or written."
        )
    stop = time.perf_counter() + options.seconds
    rows = []
    for measure, *case in found.cases():
        if time.perf_counter() > stop:
            print("Out of time: the other rows are not measured.")
            break
        row = measure(*case)
        rows.append({"backend": options.backend} | row)
        print(json.dumps(row), flush=True)
        # After each: what was measured is kept whatever ends the process.
        write(Path(options.json), options.backend, device, rows)


def write(path, backend, device, rows):
    """Puts the rows of a backend in the place of its earlier ones."""
    from experiments import results_file

    versions = {name: version(name) for name in PACKAGES[backend]}
    run = results_file.where(**versions) | {"machine": device}
    before = json.loads(path.read_text()) if path.exists() else {}
    runs, others = (
        [row for row in before.get(name, []) if row["backend"] != backend]
        for name in ("where", "rows")
    )
    what = "python -m benchmarks.gpu"
    results_file.write(path, what, [*runs, run], [*others, *rows])


if __name__ == "__main__":
    main()
