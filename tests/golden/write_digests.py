"""Makes tests/golden/digests.json from the tests' own oracle.

    PYTHONPATH=tests python tests/golden/write_digests.py

The contract is frozen: after a release this file must come out unchanged.
"""

import json
from pathlib import Path

import oracle

PATH = Path(__file__).with_name("digests.json")
SHAPES = ((1, 1), (7, 5), (64, 48), (48, 100), (101, 257))
# More than one strip of a threaded pass.
LARGE = ("rademacher", 2**40 + 7, (1500, 1030), {})


def cases():
    for family in oracle.FAMILIES:
        for seed in oracle.SEEDS:
            for shape in SHAPES:
                yield family, seed, shape, {}
    for density in (1 / 256, 0.1, 0.5, 1.0):
        yield "sparse_ternary", 7, (33, 21), {"density": density}
    yield LARGE
    for seed in oracle.SEEDS:
        for shape in SHAPES:
            yield "count_sketch", seed, shape, {}


def main():
    rows = []
    for family, seed, shape, options in cases():
        row = {
            "family": family,
            "seed": seed,
            "shape": shape,
            "options": options,
            "digest": oracle.digest(family, seed, shape, **options),
            "first": oracle.matrix(family, seed, shape, **options)
            .ravel()[:4]
            .tolist(),
        }
        rows.append(json.dumps(row))
    PATH.write_text("[\n" + ",\n".join(rows) + "\n]\n")
    print(f"{PATH}: {len(rows)} digests")


if __name__ == "__main__":
    main()
