"""The paper's synthetic comparison: a dense layer and its activation to learn.

10,000 inputs in (0, 1)^512, targets Linear(512, 512) with ReLU, Softplus or
GELU; EUGens with 128 features against the low-rank layer of equal parameters,
trained with Adam on the mean squared error, and the closed form beside both.
Each trained layer takes the learning rate with the lower training error;
errors are those on 2,000 held-out rows. No linear map of rank 128 can be
better than the reduced-rank regression beside them.

Inputs all positive leave half of random ReLU features dead and make the norm
a constant of about 13, so that the features are leaky, with slope 0.6, and
without the norm (ReLU, GELU, SiLU, ELU and Softplus features with the norm
were tried and are worse, as is a slope of 0.2 to 0.3). Run `python -m
experiments.eugen_synthetic`.
"""

import argparse
import functools
import time
from pathlib import Path

import keras
import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import EUGenDense
from keras_randproj import distill_layer

RESULTS = Path(__file__).parent / "results/eugen_synthetic.json"
WIDTH = 512
ROWS = 10_000
HELD_OUT = 2_000
FEATURES = 128
ACTIVATIONS = ("relu", "softplus", "gelu")
LEARNING_RATES = (1e-3, 3e-3)
SLOPE = 0.6
VARIANTS = {
    "EUGen, frozen": {},
    "EUGen, modulated": {"modulation": True},
    "EUGen, trained": {"trainable_projection": True},
}


def problem(activation, seed):
    """Inputs and targets; the teacher is initialised as torch does it."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0, 1, (ROWS, WIDTH)).astype("float32")
    bound = 1 / np.sqrt(WIDTH)
    teacher = keras.layers.Dense(WIDTH, activation=activation)
    teacher.build((None, WIDTH))
    teacher.kernel.assign(rng.uniform(-bound, bound, (WIDTH, WIDTH)))
    teacher.bias.assign(rng.uniform(-bound, bound, WIDTH))
    return x, keras.ops.convert_to_numpy(teacher(x))


def low_rank(rank):
    return keras.Sequential(
        [
            keras.layers.Dense(rank, use_bias=False),
            keras.layers.Dense(WIDTH),
        ]
    )


def leaky(x):
    """The activation of the features."""
    return keras.ops.maximum(x, SLOPE * x)


def eugen(**options):
    return EUGenDense(
        WIDTH,
        FEATURES,
        order=1,
        feature_activation=leaky,
        norm_feature=False,
        seed=7,
        **options,
    )


def train(make, x, y, epochs):
    """The run whose learning rate has the lower training error."""
    runs = [_train(make(), x, y, epochs, rate) for rate in LEARNING_RATES]
    return min(runs, key=lambda run: run["training_mse"])


def _train(layer, x, y, epochs, rate):
    """Mean squared error on held-out rows after Adam."""
    model = keras.Sequential([keras.Input((WIDTH,)), layer])
    schedule = keras.optimizers.schedules.CosineDecay(
        rate, epochs * ((ROWS - HELD_OUT) // 250)
    )
    model.compile(keras.optimizers.Adam(schedule), "mse", jit_compile="auto")
    start = time.perf_counter()
    model.fit(
        x[HELD_OUT:], y[HELD_OUT:], batch_size=250, epochs=epochs, verbose=0
    )
    seconds = time.perf_counter() - start
    return {
        "mse": float(model.evaluate(x[:HELD_OUT], y[:HELD_OUT], verbose=0)),
        "training_mse": float(
            model.evaluate(x[HELD_OUT:], y[HELD_OUT:], verbose=0)
        ),
        "learning_rate": rate,
        "trainable": sum(
            int(np.prod(w.shape)) for w in model.trainable_weights
        ),
        "parameters": model.count_params(),
        "seconds": seconds,
    }


def closed_form(layer, x, y):
    start = time.perf_counter()
    report = distill_layer(layer, None, (x[HELD_OUT:], y[HELD_OUT:]), verbose=0)
    seconds = time.perf_counter() - start
    out = keras.ops.convert_to_numpy(layer(x[:HELD_OUT]))
    return {
        "mse": float(np.mean((out - y[:HELD_OUT]) ** 2)),
        "ridge": report.ridge,
        "parameters": layer.count_params(),
        "seconds": seconds,
    }


def reduced_rank(x, y, rank):
    """The best linear map of a rank, in closed form."""
    inputs, targets = x[HELD_OUT:], y[HELD_OUT:]
    shift, mean = inputs.mean(axis=0), targets.mean(axis=0)
    centred = (inputs - shift).astype("float64")
    full = np.linalg.lstsq(centred, targets - mean, rcond=None)[0]
    *_, axes = np.linalg.svd(centred @ full, full_matrices=False)
    best = full @ axes[:rank].T @ axes[:rank]
    out = (x[:HELD_OUT] - shift) @ best + mean
    return {"mse": float(np.mean((out - y[:HELD_OUT]) ** 2))}


def layers():
    """What makes each variant, and the ranks of equal parameters."""
    made = {
        name: functools.partial(eugen, **options)
        for name, options in VARIANTS.items()
    }
    numbers = FEATURES * WIDTH
    for name, size in (
        ("low rank, equal trainable", numbers),
        ("low rank, equal in all", 2 * numbers),
    ):
        made[name] = functools.partial(low_rank, size // (2 * WIDTH))
    return made


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="variants to train")
    arguments = parser.parse_args()
    epochs, seeds = arguments.epochs, arguments.seeds
    rows = []
    for activation in ACTIVATIONS:
        for seed in range(seeds):
            keras.utils.set_random_seed(seed)
            x, y = problem(activation, seed)
            mean = y[HELD_OUT:].mean(axis=0)
            found = {
                "the mean": {"mse": float(np.mean((y[:HELD_OUT] - mean) ** 2))},
                "EUGen, closed form": closed_form(eugen(), x, y),
                "best linear of rank 128": reduced_rank(x, y, FEATURES),
            }
            for name, make in layers().items():
                if not arguments.only or name in arguments.only:
                    found[name] = train(make, x, y, epochs)
            for name, row in found.items():
                print(
                    f"{activation} {name:26} MSE {row['mse']:.6f}", flush=True
                )
                rows.append(
                    {
                        "activation": activation,
                        "seed": seed,
                        "variant": name,
                        **row,
                    }
                )
    write(
        RESULTS,
        f"python -m experiments.eugen_synthetic --epochs {epochs} "
        f"--seeds {seeds}",
        [where()],
        rows,
        epochs=epochs,
        features=FEATURES,
        seeds=seeds,
    )


if __name__ == "__main__":
    main()
