"""Runs `keras-randproj verify` on damaged files by the thousand.

    python -m tests.hardening.fuzz_verify --mutants 20000

No backend is needed: the intact files are those of `tests/compat`, and two
shards with their index. A mutant is a function of the run's seed and its
number: `--only 1234` does that one again and says what happened.
"""

import argparse
import collections
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from . import hostile
from .mutations import mutate
from .watch import Watch

COMPAT = Path(__file__).parents[1] / "compat" / "0.1.0"
KINDS = {".keras": "keras", ".h5": "weights", ".json": "config"}
# Each third is of one kind.
FILES = [
    sorted(COMPAT.glob("*.keras")),
    sorted(COMPAT.glob("*.weights.h5")),
    [
        hostile.CORPUS / "shards.weights.json",
        hostile.CORPUS / "intact.weights.h5",
        hostile.CORPUS / "second.weights.h5",
    ],
]


def run(seed, numbers):
    """Yields a dict a mutant: what was done to which file, and what was seen.

    Args:
        seed: Integer, the run's.
        numbers: `range` of mutants.
    """
    watch = Watch()
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            source, mutation, path = _write(Path(folder), rng)
            seen = watch.verify(path)
            yield {
                "number": number,
                "file": source.name,
                "mutation": mutation,
                "status": seen.status,
                "seconds": seen.seconds,
                "megabytes": seen.megabytes,
                "problems": seen.problems(),
            }
    watch.close()


def _write(folder, rng):
    """A damaged file, its shards beside it, and the path to verify."""
    files = FILES[rng.integers(len(FILES))]
    source = files[rng.integers(len(files))]
    kind = KINDS[source.suffix]
    mutation, data = mutate(source.read_bytes(), kind, rng)
    if source not in FILES[-1]:
        path = folder / f"mutant{source.name.removeprefix(source.stem)}"
        if source.name.endswith(".weights.h5"):
            path = folder / "mutant.weights.h5"
        path.write_bytes(data)
        return source, mutation, path
    for each in FILES[-1]:
        whole = each.read_bytes()
        (folder / each.name).write_bytes(data if each == source else whole)
    return source, mutation, folder / FILES[-1][0].name


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.mutants)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
    counts: collections.Counter = collections.Counter()
    failures = most = longest = 0
    for line in run(options.seed, numbers):
        counts[line["status"]] += 1
        most = max(most, line["megabytes"])
        longest = max(longest, line["seconds"])
        if line["problems"] or options.only is not None:
            print(json.dumps(line), flush=True)
        failures += bool(line["problems"])
    print(f"statuses {dict(counts)}, {failures} failures, at most {most} MB")
    print(f"and {longest} s")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
