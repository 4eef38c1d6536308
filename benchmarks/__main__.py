"""Runs the benchmarks: `python -m benchmarks --backend all --json FILE`."""

import argparse
import datetime
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile

QUESTIONS = [
    "generation",
    "inference",
    "training",
    "memory",
    "seeded",
    "loading",
    "sketching",
    "splits",
    "attention",
    "eugen",
    "mnist",
]
BACKENDS = ["torch", "jax", "tensorflow"]
# JAX hands calls on a CPU to another thread, which takes longer than a small
# call. Set to "true", it does.
DISPATCH = {"JAX_CPU_ENABLE_ASYNC_DISPATCH": "false"}


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--backend", choices=[*BACKENDS, "all"], default="all")
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--only", choices=QUESTIONS)
    options = parser.parse_args()
    backends = BACKENDS if options.backend == "all" else [options.backend]
    if os.environ.get("KERAS_BACKEND") == options.backend:
        results = _measure(options)
    else:
        results = _gather(backends, options.only)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


def _gather(backends, only):
    """One process a backend, as Keras takes only one."""
    gathered: dict = {"runs": [], "rows": []}
    for backend in backends:
        with tempfile.NamedTemporaryFile(suffix=".json") as file:
            command = [sys.executable, "-m", "benchmarks", "--json", file.name]
            command += ["--backend", backend]
            command += ["--only", only] if only else []
            environment = {**DISPATCH, **os.environ, "KERAS_BACKEND": backend}
            subprocess.run(command, env=environment, check=True)
            found = json.load(file)
        gathered["rows"] += found.pop("rows")
        gathered["runs"].append(found)
    return gathered


def _measure(options):
    from keras_randproj.demo.experiment import machine
    from keras_randproj.demo.experiment import versions

    run = {
        "backend": options.backend,
        "versions": versions(),
        "device": machine(),
        "date": datetime.date.today().isoformat(),
    }
    print(
        f"{options.backend} {run['versions'][options.backend]}, {run['device']}"
    )
    rows = []
    for question in [options.only] if options.only else QUESTIONS:
        module = importlib.import_module(f"benchmarks.{question}")
        for row in module.rows():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            row = {
                "peak_bytes": peak,
                **row,
                "backend": options.backend,
                "device": run["device"],
            }
            rows.append(row)
            print(_line(row), flush=True)
    return {**run, "rows": rows}


def _line(row):
    if row["ours_ms"] is None:
        found = [row["peak_bytes"] / 2**20, row["baseline_bytes"] / 2**20]
        unit = "MiB"
    else:
        found, unit = [row["ours_ms"], row["baseline_ms"]], "ms"
    line = (
        f"{row['question']:40} d {row['d']:6} batch {row['batch']:5} "
        f"ours {found[0]:9.2f} {unit}  {row['baseline']} {found[1]:9.2f} "
        f"{unit}  ratio {row['ratio']:7.2f}"
    )
    if "over_bound" in row:
        line += f"  {row['over_bound']:.1f} x roofline"
    return line


if __name__ == "__main__":
    main()
