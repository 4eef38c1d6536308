"""Runs the benchmarks: `python -m benchmarks --backend all --json FILE`."""

import argparse
import importlib
import os
import resource
from pathlib import Path

from experiments.gather import gather
from experiments.results_file import where
from experiments.results_file import write

QUESTIONS = [
    "generation",
    "inference",
    "training",
    "memory",
    "seeded",
    "loading",
    "sketching",
    "splits",
    "few_outputs",
    "attention",
    "eugen",
    "mnist",
]
BACKENDS = ["torch", "jax", "tensorflow"]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--backend", choices=[*BACKENDS, "all"], default="all")
    parser.add_argument("--json", type=Path, help="file to write")
    parser.add_argument("--only", choices=QUESTIONS)
    options = parser.parse_args()
    backends = BACKENDS if options.backend == "all" else [options.backend]
    only = ["--only", options.only] if options.only else []
    if os.environ.get("KERAS_BACKEND") == options.backend:
        run = where()
        runs, rows = [run], list(_measure(run, options.only))
    else:
        runs, rows = gather("benchmarks", backends, *only)
    if options.json:
        what = " ".join(["python -m benchmarks", *only])
        write(options.json, what, runs, rows)


def _measure(run, only):
    backend, device = run["backend"], run["machine"]
    print(f"{backend} {run['versions'][backend]}, {device}")
    for question in [only] if only else QUESTIONS:
        module = importlib.import_module(f"benchmarks.{question}")
        for row in module.rows():
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
            found = {"peak_bytes": peak, **row}
            print(_line(found), flush=True)
            yield {**found, "backend": backend, "device": device}


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
