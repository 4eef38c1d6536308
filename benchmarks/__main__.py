"""Runs the benchmarks: `python -m benchmarks --backend all --json FILE`."""

import argparse
import datetime
import importlib
import json
import os
import resource

from benchmarks.gather import gather

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
    parser.add_argument("--json", help="file to write")
    parser.add_argument("--only", choices=QUESTIONS)
    options = parser.parse_args()
    backends = BACKENDS if options.backend == "all" else [options.backend]
    if os.environ.get("KERAS_BACKEND") == options.backend:
        results = _measure(options)
    else:
        only = ["--only", options.only] if options.only else []
        results = gather("benchmarks", backends, *only)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)
            file.write("\n")


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
