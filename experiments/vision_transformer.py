"""A small vision transformer on CIFAR-10 with PRP attention and EUGens.

    KERAS_BACKEND=torch python experiments/vision_transformer.py

Six blocks of width 64 on patches of 4 x 4 pixels, two epochs: a download of
162 MB, hours on a CPU. `--speed` times predictions instead.
A run that was stopped goes on where it was; delete
experiments/results/vision_transformer.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from models.vit import vit

from experiments.resumable import Results
from keras_randproj import PRPTransformerBlock
from keras_randproj.demo import tutorial

LAYERS, HEADS, WIDTH, PATCH, BATCH = 6, 4, 64, 4, 128
EPOCHS = 1 if tutorial.FAST else 2
RATE = 2e-3
FOLDER = Path("build/08_vision_transformer")


def dense(k):
    return {"attention": "dense", "feed_forward": "dense"}


# As in the character GPT: well-conditioned matrices and fast vectors.
def prp_attention(**options):
    return lambda k: {
        "attention": "prp",
        "feed_forward": "dense",
        "attention_options": {"lr_multiplier": 30.0, **options},
    }


def eugen_in_half(k):
    if k % 2 == 0:
        return dense(k)
    return {
        "attention": "dense",
        "feed_forward": "eugen",
        "intermediate_dim": 64,
    }


VARIANTS = {
    "Dense": dense,
    "PRP attention": prp_attention(projection="orthogonal"),
    "EUGen in 3 of 6": eugen_in_half,
    "PRP attention, hadamard, depth 3": prp_attention(
        projection="hadamard", depth=3
    ),
}


def model(shape, classes, options_of):
    keras.utils.set_random_seed(0)
    blocks = [
        PRPTransformerBlock(
            HEADS,
            projection_seed=k,
            **{"intermediate_dim": 4 * WIDTH, **options_of(k)},
        )
        for k in range(LAYERS)
    ]
    return vit(shape, PATCH, WIDTH, blocks, classes)


def load():
    """CIFAR-10, or digits where tutorials run fast."""
    if tutorial.FAST:
        (x, y), (u, v) = tutorial.load("digits")
        return (x.reshape(-1, 8, 8, 1), y), (u.reshape(-1, 8, 8, 1), v)
    import tensorflow_datasets as tfds

    parts = []
    for split in ("train", "test"):
        part = tfds.as_numpy(tfds.load("cifar10", split=split, batch_size=-1))
        parts.append((part["image"].astype("float32") / 255, part["label"]))
    return parts


class Mirrored(keras.utils.PyDataset):
    """Batches in a new order each epoch, half of them mirrored."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y
        self.rng = np.random.default_rng(0)
        self.on_epoch_end()

    def __len__(self):
        return len(self.x) // BATCH

    def __getitem__(self, k):
        rows = self.order[k * BATCH : (k + 1) * BATCH]
        x = self.x[rows]
        flip = self.rng.random(len(x)) < 0.5
        x[flip] = x[flip, :, ::-1]
        return x, self.y[rows]

    def on_epoch_end(self):
        self.order = self.rng.permutation(len(self.x))


def measured(name, data):
    train, test = data
    net = model(train[0].shape[1:], 10, VARIANTS[name])
    batches = Mirrored(*train)
    steps = EPOCHS * len(batches)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, steps, warmup_target=RATE, warmup_steps=steps // 10
    )
    net.compile(
        keras.optimizers.AdamW(schedule, weight_decay=0.05),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=keras.backend.backend() != "torch",
    )
    net.fit(batches, epochs=EPOCHS, verbose=1)
    _, accuracy = net.evaluate(*test, 500, verbose=0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{name.replace(' ', '_')}.weights.h5"
    # A model that was not compiled: its file holds no optimizer.
    alone = model(train[0].shape[1:], 10, VARIANTS[name])
    alone.set_weights(net.get_weights())
    alone.save_weights(path)
    return {
        "accuracy": float(accuracy),
        "trainable": sum(int(np.prod(w.shape)) for w in net.trainable_weights),
        "inference": net.count_params(),
        "file_bytes": path.stat().st_size,
    }


def speed(name, data):
    net = model(data[0][0].shape[1:], 10, VARIANTS[name])
    images = data[1][0][:500]
    net.predict(images, 100, verbose=0)
    times = []
    for _ in range(3 if tutorial.FAST else 7):
        start = time.perf_counter()
        net.predict(images, 100, verbose=0)
        times.append(time.perf_counter() - start)
    return {"images_per_second": len(images) / float(np.median(times))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--speed", action="store_true", help="no training")
    parser.add_argument("--only", help="the variant to run")
    options = parser.parse_args()
    results = Results(
        "vision_transformer",
        epochs=EPOCHS,
    )
    data = load()
    variants = [options.only] if options.only else list(VARIANTS)
    question, make = (
        ("speed", speed) if options.speed else ("accuracy", measured)
    )
    for name in variants:
        results.row(
            lambda n=name: make(n, data), question=question, variant=name
        )


if __name__ == "__main__":
    main()
