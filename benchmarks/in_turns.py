"""Is a checkout slower than another? `python -m benchmarks.in_turns OTHER`.

Runs inference and training of Hadamard layers with the package of both, a
process each, in turns on the same machine. Ratios to keras.layers.Dense of
the same process are compared, as processes and rounds differ in speed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from experiments.results_file import write

BACKENDS = ["torch", "jax", "tensorflow"]
HERE = Path(__file__).parents[1]
# Runs in either checkout, with the benchmarks of that checkout.
MEASURE = """
import json
from benchmarks import compiled
from benchmarks.models import rows_of, stacked
from benchmarks.timing import compare

for d, batch in ((1024, 1), (1024, 256), (4096, 1), (4096, 256)):
    x = rows_of(d, batch)
    models = stacked(d, "hadamard"), stacked(d, None)
    found = compare(*(compiled.inference(model, x) for model in models))
    print(json.dumps(["inference", d, batch, found["ratio"]]))
    if batch == 256:
        steps = (lambda m=m: m.train_on_batch(x, x) for m in models)
        found = compare(*steps, warmup=3)
        print(json.dumps(["training step", d, batch, found["ratio"]]))
"""


WHERE = """
import json
from experiments.results_file import where

print(json.dumps([where()]))
"""


def said(checkout, backend, program):
    """Lists that a program prints, with the package of that checkout."""
    path = {"PYTHONPATH": str(checkout), "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=checkout,
        env={**os.environ, **path},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = done.stdout.splitlines()
    return [json.loads(line) for line in lines if line.startswith("[")]


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.in_turns")
    parser.add_argument("other", type=Path, help="folder of a checkout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    rows, runs = [], []
    for backend in BACKENDS:
        runs += said(HERE, backend, WHERE)[0]
        found: dict = {}
        for _ in range(options.rounds):
            for name, tree in (("other", options.other), ("here", HERE)):
                for *case, ratio in said(tree, backend, MEASURE):
                    both = found.setdefault(tuple(case), {})
                    both.setdefault(name, []).append(round(ratio, 2))
        for (question, d, batch), both in found.items():
            row = {
                "question": question,
                "backend": backend,
                "d": d,
                "batch": batch,
                **{
                    name: statistics.median(all_) for name, all_ in both.items()
                },
                "rounds": both,
            }
            print(*row.values(), flush=True)
            rows.append(row)
    if options.json:
        git = ["git", "-C", options.other, "describe", "--always", "--dirty"]
        other = subprocess.check_output(git, text=True).strip()
        what = "python -m benchmarks.in_turns OTHER --json FILE"
        write(options.json, what, runs, rows, other=other)


if __name__ == "__main__":
    main()
