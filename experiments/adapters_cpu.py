"""Rivals of `experiments.adapters` that were not trained on a GPU.

`python -m experiments.adapters_cpu --cache FOLDER` trains one adapter after
the other on a CPU, minutes each, by the protocol of
`experiments.adapters`. Every training is kept in the results file when it
ends, and a second run does the rest. All methods have one seed before any has
a second.

To save trainings, not all five learning rates are tried. LoRA has the one that
was best at another rank. RandLoRA begins with the middle one and goes on while
the mean accuracy rises, so that no neighbour is better.
"""

import argparse
import json
import os
from pathlib import Path

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

RESULTS = Path(__file__).parent / "results/adapters_cpu.json"
# The best learning rate of LoRA 8, and 0.1 points from that of LoRA 1.
LORA_RATES = (3e-3,)
RATES = {
    "PEFT LoRA 4": LORA_RATES,
    "PEFT LoRA 2": LORA_RATES,
    "PEFT RandLoRA 32": (3e-5, 1e-4, 3e-4, 1e-3, 3e-3),
}


def main():
    from experiments import adapters
    from experiments.results_file import where
    from experiments.results_file import write

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--methods", nargs="*", default=RATES)
    options = parser.parse_args()
    rows, runs = [], []
    if options.json.exists():
        found = json.loads(options.json.read_text())
        rows, runs = found["rows"], found["where"]
    here = where()
    runs = [*(run for run in runs if run != here), here]
    command = "python -m experiments.adapters_cpu"

    def keep(row):
        print(row, flush=True)
        rows.append(row)
        settings = {"batch": adapters.BATCH, **adapters.SETTINGS}
        write(options.json, command, runs, rows, **settings)

    trainer = adapters.Trainer(options.cache, adapters.SETTINGS)
    methods = {
        name: OneByOne(trainer, name, rows, keep) for name in options.methods
    }
    for count in range(1, options.seeds + 1):
        for method in methods.values():
            method.run(count)


class OneByOne:
    """The trainings of a method, each of its own.

    Args:
        trainer: A `Trainer`.
        name: The method's name.
        rows: List of the rows that there are, which `keep` adds to.
        keep: Function that takes a row.
    """

    def __init__(self, trainer, name, rows, keep):
        self.trainer, self.name = trainer, name
        self.rows, self.keep = rows, keep

    def run(self, count):
        """Trains so many seeds, if they are not there."""
        from experiments.adapters import SELECTION_SEED
        from experiments.adapters_methods import HEAD
        from experiments.adapters_methods import METHODS
        from experiments.adapters_program import Group

        method, settings = METHODS[self.name], self.trainer.settings
        seeds = settings["seeds"][:count]
        self.group = Group(self.trainer.model, method, HEAD)
        self.group.begin([*seeds, SELECTION_SEED])

        def score(rate):
            return sum(self.accuracies(SELECTION_SEED, rate, "valid"))

        rate = climbed(score, RATES[self.name])
        for seed in seeds:
            self.accuracies(seed, rate, "test")

    def accuracies(self, seed, rate, split):
        """Of all domains."""
        found = []
        for k, domain in enumerate(self.trainer.settings["domains"]):
            wanted = {
                "method": self.name,
                "domain": domain,
                "seed": seed,
                "rate": rate,
            }
            there = [row for row in self.rows if wanted.items() <= row.items()]
            if not there:
                there, _ = self.trainer.train(
                    self.group, self.name, [(k, seed, rate)], split
                )
                self.keep(there[0])
            found.append(there[0]["accuracy"])
        return found


def climbed(score, values):
    """The value from which no step along the list is better.

    Args:
        score: Function of a value.
        values: List of values in order; the middle one is the first.
    """
    scores = {}

    def of(place):
        if place not in scores:
            scores[place] = score(values[place])
        return scores[place]

    place = len(values) // 2
    while len(values) > 1:
        near = [k for k in (place - 1, place + 1) if 0 <= k < len(values)]
        best = max([place, *near], key=of)
        if best == place:
            break
        place = best
    return values[place]


if __name__ == "__main__":
    main()
