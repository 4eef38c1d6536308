"""The frontier of a character GPT and of a small vision transformer.

    KERAS_BACKEND=jax python -m experiments.frontier_transformers [--fast]
        [--only gpt] [--seeds 1]
    KERAS_BACKEND=jax python -m experiments.frontier_transformers --times

A GPT of four layers on tiny Shakespeare and a vision transformer of six on
CIFAR-10, from one stack of blocks: families differ in the layers of attention
and feed-forward alone, and are trained alike and briefly. Dense is of several
widths, and each is quantized after training as well. A run that was stopped
goes on where it was; `--times` times all models anew.
"""

import argparse
import json
import tempfile
from pathlib import Path

import keras
import numpy as np

from experiments.frontier import timed
from experiments.frontier import with_quantized
from experiments.models import shakespeare
from experiments.models import stack
from experiments.monarch import Monarch
from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import files

PATH = Path(__file__).parent / "results/frontier_transformers.json"
HEADS, LENGTH = 4, 64
Dense = keras.layers.Dense


def dense_attention(width):
    return lambda k: keras.layers.MultiHeadAttention(HEADS, width // HEADS)


def dense(width):
    def layers(k, width):
        return [Dense(4 * width, "gelu"), Dense(width)]

    return width, dense_attention(width), layers


def low_rank(width, rank):
    def thin(units, activation=None):
        return [Dense(rank, use_bias=False), Dense(units, activation)]

    def layers(k, width):
        return [*thin(4 * width, "gelu"), *thin(width)]

    return width, dense_attention(width), layers


def monarch(width, inner):
    def layers(k, width):
        return [
            Monarch(4 * width, 16, inner, "gelu"),
            Monarch(width, 16, inner),
        ]

    return width, dense_attention(width), layers


def eugen(width, features):
    def layers(k, width):
        if k == 0:
            return dense(width)[2](k, width)
        return [
            EUGenDense(
                width,
                features,
                1,
                feature_activation="gelu",
                norm_feature=False,
                trainable_projection=True,
                seed=100 + k,
            )
        ]

    return width, dense_attention(width), layers


def prp_feed_forward(options):
    def layers(k, width):
        return [
            PRPDense(4 * width, "gelu", seed=100 + k, **options),
            PRPDense(width, seed=200 + k, **options),
        ]

    return layers


def prp(width, everything, **options):
    options = {"projection": "hadamard", "lr_multiplier": 30.0, **options}
    attention = dense_attention(width)
    if everything:

        def attention(k):
            return PRPMultiHeadAttention(
                HEADS, width // HEADS, projection_seed=k, **options
            )

    return width, attention, prp_feed_forward(options)


VARIANTS = {
    "Dense": {"full width": (dense, 1), "half the width": (dense, 1 / 2)},
    "low rank": {"feed-forward of rank 16": (low_rank, 1, 16)},
    "block-diagonal": {"feed-forward, Monarch of 8": (monarch, 1, 8)},
    "EUGen": {"all feed-forwards but the first, 90 features": (eugen, 1, 90)},
    "PRP": {
        "everything, depth 3, rank 4": (prp, 1, True, 3, 4),
        "everything, depth 3": (prp, 1, True, 3, 0),
        "feed-forward, depth 3, rank 4": (prp, 1, False, 3, 4),
    },
}


class Gpt:
    """The loss of the next character on held-out text."""

    width, steps, rate, batch, measure = 128, 500, 1e-3, 12, "loss"

    def __init__(self, fast=False):
        self.text = shakespeare.load()
        self.test = self.text.held_out(LENGTH)
        if fast:
            self.test = [part[:8] for part in self.test]

    def model(self, parts):
        width, *parts = parts
        return stack.gpt(len(self.text.characters), LENGTH, width, 4, parts)

    def batches(self, steps, seed):
        return self.text.windows(self.batch * steps, LENGTH, seed)

    def timed_inputs(self):
        return self.test[0][:32]

    def reached(self, model):
        logits = model.predict(self.test[0], 64, verbose=0)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        return float(loss(self.test[1], logits))


class Vit:
    """Accuracy on the test images of CIFAR-10."""

    width, steps, rate, batch, measure = 64, 200, 2e-3, 128, "accuracy"

    def __init__(self, fast=False):
        import tensorflow_datasets as tfds

        self.parts = []
        for split in ("train", "test"):
            part = tfds.as_numpy(
                tfds.load("cifar10", split=split, batch_size=-1)
            )
            images = part["image"].astype("float32") / 255
            self.parts.append((images, part["label"]))
        if fast:
            self.parts[1] = [part[:64] for part in self.parts[1]]

    def model(self, parts):
        width, *parts = parts
        return stack.vit((32, 32, 3), 4, width, 6, parts, 10)

    def batches(self, steps, seed):
        (x, y), rng = self.parts[0], np.random.default_rng(seed)
        rows = rng.permutation(len(x))[: steps * self.batch]
        flip = rng.random(len(rows)) < 0.5
        x = x[rows]
        x[flip] = x[flip, :, ::-1]
        return x, y[rows]

    def timed_inputs(self):
        return self.parts[1][0][:32]

    def reached(self, model):
        x, y = self.parts[1]
        logits = model.predict(x, 500, verbose=0)
        return float(np.mean(logits.argmax(-1) == y))


TASKS = {"gpt": Gpt, "vit": Vit}


def made(task, recipe, seed=0):
    keras.utils.set_random_seed(seed)
    make, share, *arguments = recipe
    width = int(share * task.width)
    if make is prp:
        everything, depth, rank = arguments
        options = {"depth": depth, "residual_rank": rank}
        return task.model(prp(width, everything, **options))
    return task.model(make(width, *arguments))


def train(task, model, steps, seed, rate=None):
    """Adam with a warm-up, then a cosine down to a tenth."""
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0,
        steps - steps // 20,
        0.1,
        warmup_target=rate or task.rate,
        warmup_steps=steps // 20,
    )
    model.compile(
        keras.optimizers.Adam(schedule, beta_2=0.99, global_clipnorm=1.0),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    x, y = task.batches(steps, seed)
    model.fit(x, y, task.batch, shuffle=False, verbose=0)
    return keras.Model(model.inputs, model.outputs)


def sizes(model):
    with tempfile.TemporaryDirectory() as folder:
        model.save(path := Path(folder) / "model.keras")
        saved = path.stat().st_size
        return {"saved_bytes": saved, "compact_bytes": files.compact(path)}


def rows_of_times(name, task, calls):
    models = {
        (
            ("question", "time"),
            ("task", name),
            ("family", group),
            ("name", title),
        ): model
        for family, recipes in VARIANTS.items()
        for title, recipe in recipes.items()
        for group, model in with_quantized(family, made(task, recipe)).items()
    }
    return timed(models, task.timed_inputs(), calls)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--fast", action="store_true", help="a few steps")
    parser.add_argument("--times", action="store_true", help="no training")
    parser.add_argument("--only", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    path, rows, runs, calls = PATH, [], [], 30
    if options.fast:
        path, options.seeds = Path("build/frontier_transformers.json"), 1
        calls = 3
    elif path.exists():
        found = json.loads(path.read_text())
        rows, runs = found["rows"], found["where"]
    runs.append(where())
    steps = {k: 4 if options.fast else task.steps for k, task in TASKS.items()}
    rates = {k: task.rate for k, task in TASKS.items()}

    def save():
        command = "python -m experiments.frontier_transformers"
        settings = {"steps": steps, "rates": rates, "timed_rows": 32}
        write(path, command, runs, rows, **settings)

    for name in [options.only] if options.only else TASKS:
        task = TASKS[name](options.fast)
        if options.times or options.fast:
            rows[:] = [
                row
                for row in rows
                if (row["question"], row["task"]) != ("time", name)
            ]
            rows += rows_of_times(name, task, calls)
            save()
        for seed in range(0 if options.times else options.seeds):
            for family, recipes in VARIANTS.items():
                for title, recipe in recipes.items():
                    key = {"task": name, "name": title, "seed": seed}
                    own = {**key, "family": family, "question": "quality"}
                    if any({**row, **own} == row for row in rows):
                        continue
                    model = made(task, recipe, seed)
                    model = train(task, model, steps[name], seed)
                    for group, one in with_quantized(family, model).items():
                        rows.append(
                            {
                                **own,
                                "family": group,
                                task.measure: task.reached(one),
                                "numbers": one.count_params(),
                                **sizes(one),
                            }
                        )
                        print(rows[-1], flush=True)
                    save()


if __name__ == "__main__":
    main()
