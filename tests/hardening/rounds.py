"""Random models, saved on one backend and loaded on the others.

    python -m tests.hardening.rounds --rounds 1000

A round draws a model, gives it random seeds and trained parameters, saves it,
verifies the file and loads it on the two other backends. A model is a
function of the run's seed and its number: `--first 123 --rounds 1` does that
one again.
"""

import argparse
import collections
import functools
import gc
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from experiments.results_file import write

from .backend_process import BackendProcess
from .backend_process import serve

BACKENDS = ("torch", "jax", "tensorflow")
SUFFIXES = (".keras", ".keras", ".weights.h5")
# JAX keeps what it compiled: processes end after so many rounds.
CHUNK = 50


def worker():
    """Serves the steps of a round, and where this process runs."""
    from experiments.results_file import where

    from . import round_steps

    # Each round collects garbage; what libraries made is none.
    gc.freeze()

    def about():
        return {
            "where": where(),
            "kinds": round_steps.KINDS,
            "tolerance": round_steps.TOLERANCE,
        }

    steps = (round_steps.describe, round_steps.write, round_steps.check)
    steps = (*steps, round_steps.read, about)
    serve({step.__name__: step for step in steps})


def chunk(seed, compiled, numbers):
    """The loads of some rounds, in processes of their own.

    Args:
        seed: Integer, the run's.
        compiled: Path where JAX keeps what it compiled, for later processes.
        numbers: `range` of rounds.

    Returns:
        List of what `run` yields, and where the processes ran.
    """
    cache = {
        "JAX_COMPILATION_CACHE_DIR": compiled,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    processes = {
        backend: BackendProcess(backend, "tests.hardening.rounds", cache)
        for backend in BACKENDS
    }
    with tempfile.TemporaryDirectory() as folder:
        lines = list(run(processes, seed, numbers, Path(folder)))
    about = [process.ask("about") for process in processes.values()]
    for process in processes.values():
        process.close()
    return lines, about


def run(processes, seed, numbers, folder):
    """Yields a dict a load.

    Args:
        processes: `BackendProcess` of each backend.
        seed: Integer, the run's.
        numbers: `range` of rounds.
        folder: Path of a folder for files.
    """
    for number in numbers:
        rng = random.Random(f"{seed} {number}")
        writer = BACKENDS[number % len(BACKENDS)]
        suffix = rng.choice(SUFFIXES)
        path = str(folder / f"model{suffix}")
        drawn, here, elsewhere = (rng.getrandbits(63) for _ in range(3))
        model = processes[writer].ask("describe", drawn)
        written = processes[writer].ask("write", path, model, here)
        digests = written.pop("digests")
        sound = processes[writer].ask("check", path, digests)
        for reader in BACKENDS:
            if reader == writer:
                continue
            read = processes[reader].ask(
                "read", path, model, elsewhere, digests
            )
            if not sound:
                read["mismatches"].insert(0, "verify")
            yield {
                "round": number,
                "model": model,
                "suffix": suffix,
                "writer": writer,
                "reader": reader,
                "matrices": len(digests),
                **written,
                **read,
            }


def summary(lines, kinds):
    """A row for each pair of backends, and every failure in full."""
    rows = []
    for writer in BACKENDS:
        for reader in BACKENDS:
            pair = [
                line
                for line in lines
                if (line["writer"], line["reader"]) == (writer, reader)
            ]
            if pair:
                rows.append(_row(writer, reader, pair, kinds))
    models = {line["round"]: line for line in lines}.values()
    return {
        "rounds": len(models),
        "loads": len(lines),
        "mismatches": sum(bool(line["mismatches"]) for line in lines),
        "models": _counts(models),
        "files": dict(collections.Counter(x["suffix"] for x in models)),
        "rows": rows,
        "failures": [line for line in lines if line["mismatches"]],
    }


def _row(writer, reader, lines, kinds):
    found = collections.Counter(
        kind for line in lines for kind in line["mismatches"]
    )
    differences = [line["difference"] for line in lines]
    return {
        "writer": writer,
        "reader": reader,
        "loads": len(lines),
        "matrices": sum(line["matrices"] for line in lines),
        "numbers": sum(line["numbers"] for line in lines),
        "mismatches": {kind: found[kind] for kind in kinds},
        "largest_difference": max(filter(None, differences), default=0.0),
    }


def _counts(lines):
    """How many models hold a layer, a family and a storage."""
    counts: dict = {
        "layer": collections.Counter(),
        "family": collections.Counter(),
        "storage": collections.Counter(),
    }
    for line in lines:
        named: dict = {key: set() for key in counts}
        _collect(line["model"], named)
        for key, values in named.items():
            counts[key].update(values)
    return {key: dict(sorted(count.items())) for key, count in counts.items()}


def _collect(part, named):
    if isinstance(part, list):
        for each in part:
            _collect(each, named)
    elif isinstance(part, dict):
        for key, value in part.items():
            key = "layer" if key == "kind" else key
            if key in named:
                named[key].add(value)
            _collect(value, named)
        if "decoder" in part:
            named["layer"].add("PRPDense, transposed")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--worker", action="store_true")
    options = parser.parse_args()
    if options.worker:
        worker()
        return
    start = time.perf_counter()
    stop = options.first + options.rounds
    chunks = [
        range(first, min(first + CHUNK, stop))
        for first in range(options.first, stop, CHUNK)
    ]
    lines: list = []
    about: list = []
    with (
        tempfile.TemporaryDirectory() as compiled,
        ThreadPoolExecutor(options.parallel) as pool,
    ):
        work = functools.partial(chunk, options.seed, compiled)
        for found, where in pool.map(work, chunks):
            lines += found
            about = where
            bad = [line for line in found if line["mismatches"]]
            print(*bad, f"{len(lines)} loads", sep="\n", flush=True)
    result = {
        "seed": options.seed,
        "seconds": round(time.perf_counter() - start),
        "tolerance": about[0]["tolerance"],
        **summary(lines, about[0]["kinds"]),
    }
    print(f"{result['rounds']} rounds, {result['mismatches']} mismatches")
    if options.json:
        what = "python -m tests.hardening.rounds"
        write(options.json, what, [a["where"] for a in about], **result)
    sys.exit(bool(result["mismatches"]))


if __name__ == "__main__":
    main()
