"""How good are adapters of so many bytes? MiniLM, four domains, rivals.

`python -m experiments.adapters` trains every method on every
domain and seed: minutes on a GPU, as all trainings of a method are one program
on JAX (`adapters_program`). `--fast` is a sample that a CPU does in minutes, in
a file of its own. What is done is kept in the results file, and a second run
does the rest. Weights and sentences are fetched once into `--cache`. A table is
printed at the end.

The protocol: 1,500 sentences of each domain train for 3 epochs in batches of
32, by Adam with 10 % of linear warm-up and then linear decay. The classifier
is trained too, at a rate of its own that is the same for all methods. Every
method's learning rate is the best of five by the mean accuracy on other
sentences of the four domains, seed 100; where that is the lowest or highest of
them, five more beyond it are tried. The accuracy is that of 1,000 test
sentences after the last step. All begin with the classifier that logistic
regression finds for the base's embeddings: what it reaches is the zero of the
gain, full training the one.
"""

import argparse
import json
import multiprocessing
import os
import queue
import subprocess
import sys
import time
import traceback
from pathlib import Path
from statistics import mean
from statistics import stdev

os.environ["KERAS_BACKEND"] = "jax"
# Processes share the GPU's memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

RESULTS = Path(__file__).parent / "results/adapters.json"
BUILD = Path("build/adapters")
BATCH, EPOCHS, WARMUP = 32, 3, 0.1
SELECTION_SEED = 100
SETTINGS = {
    "domains": ["movies", "editorials", "products", "tweets"],
    "seeds": [1, 2, 3, 4, 5],
    "rates": 5,
    "train": 1500,
    "test": 1000,
    "length": 48,
    "epochs": EPOCHS,
}
FAST = {
    "domains": ["movies", "tweets"],
    "seeds": [1, 2],
    "rates": 2,
    "train": 96,
    "test": 100,
    "length": 16,
    "epochs": 1,
}


class Trainer:
    """A process that trains methods.

    Args:
        folder: `Path` that `adapters_data.prepare` wrote.
        settings: Dict, as `SETTINGS`.
    """

    def __init__(self, folder, settings):
        import keras
        import numpy as np

        from experiments import adapters_data
        from keras_randproj import config

        # What vmap batches best, and nothing that needs another package.
        config.set_implementation("reference")
        keras.config.disable_flash_attention()
        self.folder, self.settings = folder, settings
        encoder = adapters_data.encoder(folder, settings["length"])
        output = keras.layers.Dense(1, kernel_initializer="zeros", name="head")(
            encoder.output
        )
        self.model = keras.Model(encoder.input, output, name="classifier")
        self.encoder = encoder
        data = adapters_data.load_data(folder)
        data = [data[domain] for domain in settings["domains"]]
        self.parts = {
            split: (
                np.stack([d[split][0] for d in data])[
                    :, : settings[limit], : settings["length"]
                ],
                np.stack([d[split][1] for d in data])[:, : settings[limit]],
            )
            for split, limit in (
                ("train", "train"),
                ("valid", "test"),
                ("test", "test"),
            )
        }
        # Both in one program.
        tokens = [self.parts[split][0] for split in ("valid", "test")]
        self.scored = np.concatenate(tokens, axis=1)
        count = self.scored.shape[1]
        parts = next(k for k in range(10, 0, -1) if count % k == 0)
        shape = len(data), parts, count // parts, -1
        self.scored = self.scored.reshape(shape).swapaxes(0, 1)
        self.classifiers = self._classifiers()

    def _classifiers(self):
        """By domain: kernel, bias and accuracy of logistic regression."""
        import numpy as np
        from sklearn.linear_model import LogisticRegression

        path = self.folder / "classifiers.npz"
        if path.exists() and self.settings["train"] == SETTINGS["train"]:
            kept = np.load(path)
            return list(
                zip(kept["kernel"], kept["bias"], kept["accuracy"], strict=True)
            )
        found = []
        for k in range(len(self.settings["domains"])):
            train, test = (
                (
                    self.encoder.predict(
                        self.parts[split][0][k], batch_size=250, verbose=0
                    ),
                    self.parts[split][1][k],
                )
                for split in ("train", "test")
            )
            probe = LogisticRegression(C=10.0, max_iter=1000).fit(*train)
            accuracy = round(100 * probe.score(*test), 3)
            found.append((probe.coef_[0], probe.intercept_, accuracy))
        if self.settings["train"] == SETTINGS["train"]:
            kernel, bias, accuracy = map(np.array, zip(*found, strict=True))
            own = path.with_suffix(f".{os.getpid()}.npz")
            np.savez(own, kernel=kernel, bias=bias, accuracy=accuracy)
            own.replace(path)  # Whole at once, for processes beside it.
        return found

    def run(self, name, say):
        """All rows of a method.

        Args:
            name: One of `METHODS`.
            say: Function that takes a list of rows.
        """
        from experiments.adapters_methods import HEAD
        from experiments.adapters_methods import METHODS
        from experiments.adapters_methods import OURS
        from experiments.adapters_program import Group
        from experiments.adapters_program import rounded

        settings = self.settings
        domains = range(len(settings["domains"]))
        group = Group(self.model, METHODS[name], HEAD)
        group.begin([*settings["seeds"], SELECTION_SEED])
        rates = METHODS[name].rates[: settings["rates"]]
        tried: dict = {}
        for _ in range(2):
            members = [
                (k, SELECTION_SEED, rate) for k in domains for rate in rates
            ]
            rows, _ = self.train(group, name, members, "valid")
            say(rows)
            for row in rows:
                tried.setdefault(row["rate"], []).append(row["accuracy"])
            best = max(tried, key=lambda rate: sum(tried[rate]))
            if min(tried) < best < max(tried) or len(rates) < 5:
                break
            factors = (1.7, 3, 5.5, 10, 17)
            up = best == max(tried)
            rates = [best * f if up else best / f for f in factors]
        members = [
            (k, seed, best) for k in domains for seed in settings["seeds"]
        ]
        rows, learned = self.train(group, name, members, "test")
        if name in OURS:
            int8 = self._accuracies(group, members, rounded(learned), "test")
            for row, accuracy in zip(rows, int8, strict=True):
                row["int8_accuracy"] = accuracy
        say(rows)

    def train(self, group, name, members, split):
        import jax
        import numpy as np

        begin = time.perf_counter()
        settings = self.settings
        count = settings["train"]
        steps = settings["epochs"] * count // BATCH
        orders = []
        for _, seed, _ in members:
            rng = np.random.default_rng(seed)
            order = [rng.permutation(count) for _ in range(settings["epochs"])]
            order = np.concatenate(order)[: steps * BATCH]
            orders.append(order.reshape(steps, BATCH))
        learned, fixed = group.stacked(
            [seed for _, seed, _ in members],
            [self.classifiers[k] for k, _, _ in members],
        )
        arguments = jax.device_put(
            (
                learned,
                fixed,
                group.frozen,
                self.parts["train"],
                np.stack(orders, axis=1).astype("int32"),
                np.array([k for k, _, _ in members], "int32"),
                _schedule(steps, [rate for _, _, rate in members]),
            )
        )
        learned = jax.block_until_ready(group.train(*arguments))
        accuracies = self._accuracies(group, members, learned, split, fixed)
        seconds = round(time.perf_counter() - begin, 2)
        rows = [
            {
                "method": name,
                "domain": settings["domains"][k],
                "seed": seed,
                "rate": rate,
                "learned": group.learned(),
                "accuracy": accuracy,
                "group_seconds": seconds,
                "device": jax.devices()[0].device_kind,
            }
            for (k, seed, rate), accuracy in zip(
                members, accuracies, strict=True
            )
        ]
        return rows, learned

    def _accuracies(self, group, members, learned, split, fixed=None):
        import numpy as np

        if fixed is None:
            seeds = [seed for _, seed, _ in members]
            nothing = [(np.zeros(384), np.zeros(1))] * len(members)
            _, fixed = group.stacked(seeds, nothing)
        domains = np.array([k for k, _, _ in members], "int32")
        logits = np.asarray(
            group.predict(learned, fixed, group.frozen, self.scored, domains)
        )
        valid = self.parts["valid"][0].shape[1]
        part = slice(valid) if split == "valid" else slice(valid, None)
        truth = self.parts[split][1][domains] > 0.5
        right = (logits[:, part] > 0) == truth
        return [round(100 * float(x), 3) for x in right.mean(axis=1)]


def _schedule(steps, rates):
    """Learning rates `(steps, 2, members)`: warm-up, then linear decay."""
    import numpy as np

    from experiments.adapters_program import HEAD_RATE

    warm = max(1, round(WARMUP * steps))
    k = np.arange(steps)
    factor = np.minimum((k + 1) / warm, (steps - k) / max(1, steps - warm))
    both = np.stack([rates, np.full(len(rates), HEAD_RATE)])
    return (factor[:, None, None] * both).astype("float32")


def work(folder, settings, names, said):
    """A process: trains methods until there are no more."""
    trainer = Trainer(folder, settings)
    rows = [
        {
            "method": "probe",
            "domain": domain,
            "seed": 0,
            "rate": 0.0,
            "learned": 385,
            "accuracy": float(accuracy),
            "group_seconds": 0.0,
        }
        for domain, (_, _, accuracy) in zip(
            settings["domains"], trainer.classifiers, strict=True
        )
    ]
    said.put(("probe", rows))
    while True:
        try:
            # Another process may be taking one at the moment.
            name = names.get(timeout=3)
        except queue.Empty:
            break
        try:
            trainer.run(name, lambda rows, name=name: said.put((name, rows)))
        except Exception:
            # One method's fault does not take the others' time on a machine.
            said.put((name, traceback.format_exc()))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=BUILD)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1e9)
    parser.add_argument("--methods", nargs="*")
    parser.add_argument("--fast", action="store_true")
    options = parser.parse_args()
    if options.json is None:
        options.json = BUILD / "fast.json" if options.fast else RESULTS
    begin = time.perf_counter()
    if not (options.cache / "data.npz").exists():
        command = [sys.executable, "-m", "experiments.adapters_data"]
        subprocess.run([*command, options.cache], check=True)
    from experiments.adapters_methods import METHODS

    settings = FAST if options.fast else SETTINGS
    done = _read(options.json, settings)
    names = [m for m in options.methods or METHODS if not _whole(done, m)]
    done = [row for row in done if row["method"] not in names]
    context = multiprocessing.get_context("spawn")
    waiting, said = context.Queue(), context.Queue()
    for name in names:
        waiting.put(name)
    arguments = options.cache, settings, waiting, said
    processes = [
        context.Process(target=work, args=arguments, daemon=True)
        for _ in range(min(options.workers, len(names)))
    ]
    for process in processes:
        process.start()
    while True:
        left = options.seconds - (time.perf_counter() - begin)
        if left <= 0:
            print("time is up", flush=True)
            break
        try:
            name, rows = said.get(timeout=min(left, 1))
        except queue.Empty:
            if any(process.is_alive() for process in processes):
                continue
            break
        if isinstance(rows, str):
            print(f"{name} failed:\n{rows}", flush=True)
        elif name == "probe" and any(row["method"] == name for row in done):
            continue  # Each process says it.
        elif rows:
            print(
                f"{time.perf_counter() - begin:.0f} s", _line(rows), flush=True
            )
            done += rows
            _write(options.json, done, settings)
    for process in processes:
        process.terminate()
    _write(options.json, done, settings)
    _print_table(done)


def _line(rows):
    """What a group of members reached, in short."""
    by_rate: dict = {}
    for row in rows:
        by_rate.setdefault(
            (row["seed"] == SELECTION_SEED, row["rate"]), []
        ).append(row["accuracy"])
    means = {
        f"{r:.3g}": round(sum(v) / len(v), 2) for (_, r), v in by_rate.items()
    }
    first = rows[0]
    return json.dumps(
        [first["method"], first["learned"], first["group_seconds"], means]
    )


def _print_table(rows):
    """Means over domains and seeds, and the mean deviation over seeds."""
    found: dict = {}
    for row in rows:
        if row["seed"] != SELECTION_SEED:
            domains = found.setdefault((row["method"], row["learned"]), {})
            domains.setdefault(row["domain"], []).append(row["accuracy"])
    print(f"{'method':<36}{'learned':>12}{'accuracy':>10}{'deviation':>10}")
    for (method, learned), domains in found.items():
        accuracy = mean(map(mean, domains.values()))
        # The classifier alone is fitted once.
        several = [a for a in domains.values() if len(a) > 1]
        spread = mean(map(stdev, several)) if several else 0
        print(f"{method:<36}{learned:>12,}{accuracy:>10.2f}{spread:>10.2f}")


def _whole(rows, method):
    seeds = {row["seed"] for row in rows if row["method"] == method}
    return bool(seeds - {SELECTION_SEED})


def _read(path, settings):
    if not path.exists():
        return []
    found = json.loads(path.read_text())
    same = all(found["settings"].get(k) == v for k, v in settings.items())
    return found["rows"] if same else []


def _write(path, rows, settings):
    from experiments.results_file import where
    from experiments.results_file import write

    global _where
    _where = _where or where()
    command = "python -m experiments.adapters"
    write(path, command, [_where], rows, batch=BATCH, **settings)


_where: dict | None = None

if __name__ == "__main__":
    main()
