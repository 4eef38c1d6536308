"""Loads damaged files by the thousand and counts what becomes of them.

    python -m tests.hardening.fuzz --mutants 20000 \\
        --json benchmarks/results/fuzz.json

A mutant is a function of the run's seed and its number: `--only 1234` does
that one again and says what happened. Files are loaded in a process of their
own, which is started again where it crashed or hangs.
"""

import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import outcomes

ROOT = Path(__file__).parents[2]
# Names of models, each with a weight: small ones load faster.
TARGETS = {
    "projection_gaussian": 6,
    "projection_hadamard": 4,
    "projection_sparse_ternary_tenth": 4,
    "prp_gaussian": 8,
    "prp_hadamard": 4,
    "prp_storage_seed": 2,
    "prp_storage_packed": 4,
    "prp_residual": 3,
    "prp_depth": 2,
    "prp_tied": 3,
    "prp_shared": 2,
    "prp_trained": 1,
    "eugen": 2,
    "eugen_modulated": 1,
    "eugen_trained_projection": 1,
    "attention_grouped": 1,
    "block_dense": 1,
    "nested": 1,
}
# What `make test` has time for: there each model is made but a few times.
FEW = ("projection_gaussian", "prp_depth", "prp_tied", "eugen")
KINDS = ("keras", "keras", "weights", "weights", "shards", "config")
# Bytes that loading may allocate, with at most so many entries of a matrix.
BOUND = 2**29
MAX_ELEMENTS = 2**20
# Long, as a busy machine is no hang.
SECONDS = 300


def worker(seed, numbers, weights):
    """Prints a line of JSON before and after each mutant.

    Args:
        seed: Integer, the run's.
        numbers: `range` of mutants.
        weights: Dict as `TARGETS`.
    """
    import numpy as np

    from . import judge
    from .mutations import mutate
    from .mutations.hdf5 import SECRET

    names = [name for name, weight in weights.items() for _ in range(weight)]
    targets: dict = {}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        # Keras unpacks assets into a temporary folder.
        tempfile.tempdir = folder
        folder = Path(folder)
        court = judge.Judge(folder, BOUND)
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            key = (
                names[rng.integers(len(names))],
                KINDS[rng.integers(len(KINDS))],
            )
            if key not in targets:
                targets[key] = judge.Target(*key, folder)
            target = targets[key]
            (folder / SECRET).write_bytes(target.secret)
            mutation, data = mutate(target.data, target.kind, rng)
            _say(number=number, target=key, mutation=mutation)
            if data == target.data:
                _say(number=number, outcome="unchanged")
                continue
            signal.alarm(SECONDS)
            outcome, said = court.judge(target, data)
            signal.alarm(0)
            _say(number=number, outcome=outcome, said=said)


def _say(**line):
    print("@" + json.dumps(line), flush=True)


def run(seed, numbers, few=False):
    """Yields a dict a mutant, whatever becomes of the processes.

    Args:
        seed: Integer, the run's.
        numbers: `range` of mutants.
        few: Boolean, whether the models are those of `FEW`.
    """
    while numbers:
        line: dict = {}
        with tempfile.TemporaryFile("w+") as errors:
            process = _start(seed, numbers, few, errors)
            try:
                for text in process.stdout:
                    if text.startswith("@"):
                        line = {**line, **json.loads(text[1:])}
                        if "outcome" in line:
                            yield line
                            numbers = range(line["number"] + 1, numbers.stop)
                            line = {}
                code = process.wait()
            finally:
                process.kill()
            if code and not line:
                errors.seek(0)
                raise RuntimeError(f"exit {code}: {errors.read()[-2000:]}")
        if line:
            hangs = code == -signal.SIGALRM
            outcome = outcomes.HANG if hangs else outcomes.CRASH
            yield {**line, "outcome": outcome, "said": f"exit {code}"}
            numbers = range(line["number"] + 1, numbers.stop)


def _start(seed, numbers, few, errors):
    command = [sys.executable, "-m", "tests.hardening.fuzz", "--worker"]
    command += [str(k) for k in (seed, numbers.start, numbers.stop)]
    command += ["--few"] if few else []
    paths = filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "KERAS_RANDPROJ_MAX_ELEMENTS": str(MAX_ELEMENTS),
        },
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def summary(lines):
    """Counts of outcomes, by mutation too, and the failures in full."""
    counts: collections.Counter = collections.Counter(
        line["outcome"] for line in lines
    )
    table: dict = {}
    for line in lines:
        row = table.setdefault(line["mutation"], collections.Counter())
        row[line["outcome"]] += 1
    return {
        "mutants": len(lines),
        "outcomes": {k: counts[k] for k in (*outcomes.OUTCOMES, "unchanged")},
        "mutations": {k: dict(table[k]) for k in sorted(table)},
        "failures": [x for x in lines if x["outcome"] in outcomes.FAILURES],
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=500)
    parser.add_argument("--first", type=int, default=0, help="its number")
    parser.add_argument("--seconds", type=int, help="stop after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--few", action="store_true")
    parser.add_argument("--worker", type=int, nargs=3)
    options = parser.parse_args()
    if options.worker:
        seed, start, stop = options.worker
        weights = dict.fromkeys(FEW, 1) if options.few else TARGETS
        worker(seed, range(start, stop), weights)
        return
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
        for line in run(options.seed, numbers, options.few):
            print(json.dumps(line, indent=1))
        return
    from experiments.results_file import where
    from experiments.results_file import write

    start = time.perf_counter()
    lines = []
    numbers = range(options.first, options.first + options.mutants)
    for line in run(options.seed, numbers, options.few):
        lines.append(line)
        if line["outcome"] in outcomes.FAILURES:
            print(line, flush=True)
        if len(lines) % 1000 == 0:
            print(f"{len(lines)} mutants", file=sys.stderr, flush=True)
        if options.seconds and time.perf_counter() - start > options.seconds:
            break
    settings = {
        "seed": options.seed,
        "first": options.first,
        "asked": options.mutants,
        "seconds": round(time.perf_counter() - start),
        "bound_bytes": BOUND,
        "max_elements": MAX_ELEMENTS,
    }
    result = summary(lines)
    found = result.pop("outcomes")
    if options.json:
        what = "python -m tests.hardening.fuzz"
        rows = [{"outcome": k, "mutants": n} for k, n in found.items()]
        write(options.json, what, [where()], rows, **settings, **result)
    print(json.dumps(found, indent=1))
    sys.exit(bool(result["failures"]))


if __name__ == "__main__":
    main()
