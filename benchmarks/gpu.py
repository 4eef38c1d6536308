"""Kernels on a GPU: `python -m benchmarks.gpu --backend torch` or `jax`.

It ends within five minutes; rows of the other backend stay in the file.
"""

import argparse
import importlib
import json
import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "gpu.json"
SECONDS = 300
PACKAGES = {
    "torch": ("torch", "triton", "keras"),
    "jax": ("jax", "jax-triton", "triton", "keras"),
}


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
        try:
            row = measure(*case)
        except Exception as error:
            print(measure.__name__, *case, repr(error)[:300], flush=True)
            continue
        rows.append({"backend": options.backend, "device": device} | row)
        print(json.dumps(row), flush=True)
    run = {
        "backend": options.backend,
        "device": device,
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
    }
    run |= {name: version(name) for name in PACKAGES[options.backend]}
    write(Path(options.json), run, rows)


def write(path, run, rows):
    """Puts the rows of a backend in the place of its earlier ones."""
    before = json.loads(path.read_text()) if path.exists() else {}
    whole = {"runs": [run], "rows": rows}
    for name, new in whole.items():
        old = before.get(name, [])
        kept = [row for row in old if row["backend"] != run["backend"]]
        whole[name] = [*kept, *new]
    path.write_text(json.dumps(whole, indent=1) + "\n")


if __name__ == "__main__":
    main()
