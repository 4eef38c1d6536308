"""nanoGPT's small character model with PRP attention and EUGen layers.

    KERAS_BACKEND=torch python experiments/character_gpt.py

Four layers of width 128, 64 characters of context, 2,000 steps of 12 windows
of tiny Shakespeare: a download of 1 MB, hours on a CPU. `--speed` times steps
and decoding instead; `--sample 500` reads the file of the smallest trained
model, on any backend, and prints what it writes.

Files are those of models without their optimizer. `inference` counts the
stored matrices too: attention's matrices from a seed are in memory, though not
in the file; those of hadamard are nowhere.
A run that was stopped goes on where it was; delete
experiments/results/character_gpt.json to start over. With
RANDPROJ_TUTORIAL_FAST=1 it takes seconds.
"""

import argparse
import time
from pathlib import Path

import keras
import numpy as np
from models import shakespeare
from models.char_gpt import CharGPT
from models.char_gpt import Decoder

from experiments.resumable import Results
from keras_randproj import PRPTransformerBlock
from keras_randproj.demo import tutorial

LAYERS, HEADS, WIDTH, LENGTH, BATCH = 4, 4, 128, 64, 12
STEPS = 20 if tutorial.FAST else 2000
TIMED_STEPS = 5 if tutorial.FAST else 100
SEEDS = 1 if tutorial.FAST else 3
WARMUP = STEPS // 20
RATE = 1e-3
FOLDER = Path("build/03_transformer")
SAMPLED = "everything PRP, hadamard, depth 3, rank 3"


def dense(k):
    return {"attention": "dense", "feed_forward": "dense"}


def prp_attention(**options):
    return lambda k: {
        "attention": "prp",
        "feed_forward": "dense",
        "attention_options": options,
    }


def eugen(layers, features, activation="gelu", **options):
    def options_of(k):
        if k not in layers:
            return dense(k)
        return {
            "attention": "dense",
            "feed_forward": "eugen",
            "intermediate_dim": features,
            "activation": activation,
            "feed_forward_options": options,
        }

    return options_of


def everything(**options):
    return lambda k: {
        "attention": "prp",
        "feed_forward": "prp",
        "attention_options": options,
        "feed_forward_options": options,
    }


# In first trials, gaussian matrices and slower vectors did worse.
PRP = {"projection": "orthogonal", "lr_multiplier": 30.0}
DEEP = {"projection": "hadamard", "depth": 3, "lr_multiplier": 30.0}

VARIANTS = {
    "Dense": dense,
    "PRP attention": prp_attention(**PRP),
    "PRP attention, rank 1": prp_attention(residual_rank=1, **PRP),
    "EUGen in 3 of 4": eugen((1, 2, 3), 90),
    "everything PRP, rank 5": everything(residual_rank=5, **PRP),
    "PRP attention, rank 8": prp_attention(residual_rank=8, **PRP),
    "EUGen of order 2 in 3 of 4": eugen(
        (1, 2, 3), 46, activation=None, order=2
    ),
    "PRP attention, hadamard, depth 3": prp_attention(**DEEP),
    "everything PRP, hadamard, depth 3": everything(**DEEP),
    "everything PRP, hadamard, depth 3, rank 4": everything(
        residual_rank=4, **DEEP
    ),
    "everything PRP, hadamard, depth 3, rank 3": everything(
        residual_rank=3, **DEEP
    ),
    "EUGen in 2 of 4": eugen((1, 3), 64),
}
if tutorial.FAST:
    few = ("PRP attention, rank 8", "EUGen of order 2 in 3 of 4")
    VARIANTS = {name: VARIANTS[name] for name in few}


def model(text, variant, seed):
    keras.utils.set_random_seed(seed)
    blocks = []
    for k in range(LAYERS):
        options = {"intermediate_dim": 4 * WIDTH, **VARIANTS[variant](k)}
        blocks.append(
            PRPTransformerBlock(
                HEADS,
                causal=True,
                projection_seed=100 * seed + k,
                **options,
            )
        )
    gpt = CharGPT(len(text.characters), LENGTH, WIDTH, blocks)
    gpt.build((None, LENGTH))
    return gpt


def compile_like_nanogpt(gpt):
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0, STEPS - WARMUP, 0.1, warmup_target=RATE, warmup_steps=WARMUP
    )
    embeddings = [gpt.tokens.embeddings, gpt.positions.embeddings]
    vectors = [w for w in gpt.trainable_variables if len(w.shape) < 2]
    kept = {w.path for w in (*vectors, *embeddings)}
    decayed = any(w.path not in kept for w in gpt.trainable_variables)
    # AdamW; on torch Keras fails where there is nothing to decay.
    optimizer = keras.optimizers.Adam(
        schedule,
        beta_2=0.99,
        weight_decay=0.1 if decayed else None,
        global_clipnorm=1.0,
    )
    optimizer.exclude_from_weight_decay([*vectors, *embeddings])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    compiled = keras.backend.backend() != "torch"
    gpt.compile(optimizer, loss, jit_compile=compiled)


def train(gpt, text, seed):
    compile_like_nanogpt(gpt)
    windows = text.windows(BATCH * STEPS, LENGTH, seed)
    gpt.fit(*windows, BATCH, shuffle=False, verbose=1)
    held_out = text.held_out(LENGTH)
    if tutorial.FAST:
        held_out = [part[:8] for part in held_out]
    return gpt.evaluate(*held_out, 64, verbose=0)


def speed(text, variant):
    gpt = model(text, variant, seed=0)
    compile_like_nanogpt(gpt)
    x, y = text.windows(BATCH, LENGTH, seed=0)
    times = []
    for _ in range(TIMED_STEPS):
        start = time.perf_counter()
        gpt.train_on_batch(x, y)
        times.append(1000 * (time.perf_counter() - start))
    return {
        "step_ms": float(np.median(times[2:])),
        "characters_per_second": characters_per_second(gpt, text),
    }


def characters_per_second(gpt, text, count=8 if tutorial.FAST else 60):
    decoder = Decoder(gpt)
    prompt = text.encode("\n")
    decoder.sample(prompt, 3)
    start = time.perf_counter()
    decoder.sample(prompt, count)
    return count / (time.perf_counter() - start)


def numbers(weights):
    return sum(int(np.prod(w.shape)) for w in weights)


def measured(text, variant, seed):
    gpt = model(text, variant, seed)
    loss = train(gpt, text, seed)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{variant.replace(' ', '_').replace(',', '')}.keras"
    saved = CharGPT.from_config(gpt.get_config())
    saved.build((None, LENGTH))
    saved.set_weights(gpt.get_weights())
    saved.save(path)
    return {
        "loss": float(loss),
        "trainable": numbers(gpt.trainable_weights),
        "attention": sum(
            numbers(b.attention.trainable_weights) for b in gpt.blocks
        ),
        "inference": gpt.count_params(),
        "file_bytes": path.stat().st_size,
    }


def sample(text, count):
    name = SAMPLED.replace(" ", "_").replace(",", "")
    gpt = keras.saving.load_model(FOLDER / f"{name}.keras")
    tokens = Decoder(gpt).sample(text.encode("\n"), count)
    print(text.decode(tokens))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sample", type=int, help="characters to print")
    parser.add_argument("--only", help="the variant to train")
    parser.add_argument("--seed", type=int, help="the seed to train")
    parser.add_argument("--speed", action="store_true", help="no training")
    options = parser.parse_args()
    text = shakespeare.load()
    if options.sample:
        sample(text, options.sample)
        return
    results = Results("character_gpt", steps=STEPS)
    backend = keras.backend.backend()
    seeds = range(SEEDS) if options.seed is None else [options.seed]
    seeds = [] if options.speed else seeds
    variants = [options.only] if options.only else list(VARIANTS)
    for seed in seeds:
        for variant in variants:
            results.row(
                lambda v=variant, s=seed: measured(text, v, s),
                question="loss",
                variant=variant,
                seed=seed,
                backend=backend,
            )
    for variant in variants if options.seed is None else []:
        results.row(
            lambda v=variant: speed(text, v),
            question="speed",
            variant=variant,
            backend=backend,
        )


if __name__ == "__main__":
    main()
