"""What `benchmarks.gpu` measures on JAX.

A jitted function applies a layer to several inputs, so that the time of a call
is that of the GPU; the library's product and copies do the same.
"""

import statistics
import time
from functools import partial

import jax
import jax.numpy as jnp
import keras

from keras_randproj import PRPDense

REPEATS = 12
INPUTS = 16
LAYERS = 3


def device():
    """Name of the GPU, or `None`."""
    found = jax.devices()[0]
    return found.device_kind if found.platform == "gpu" else None


def cases():
    for order, batch in (
        (1024, 8192),
        (4096, 8192),
        (4096, 512),
        (16384, 512),
    ):
        yield hadamard, order, batch, "bfloat16", False
    yield hadamard, 4096, 8192, "float32", False
    yield hadamard, 4096, 8192, "bfloat16", True
    for dtype in ("mixed_bfloat16", "float32"):
        yield model, "hadamard", dtype
    for family, storage in (
        ("rademacher", "seed"),
        ("rademacher", "packed"),
        ("sparse_ternary", "seed"),
        ("sparse_ternary", "packed"),
        ("gaussian", "seed"),
    ):
        for batch in (1, 16, 128, 512):
            yield seeded, family, storage, 8192, batch


def seeded(family, storage, d, batch):
    """P from its seed or packed, beside the reference and a dense product."""
    keys = jax.random.split(jax.random.key(0), INPUTS)
    xs = [jax.random.normal(key, (batch, d), "bfloat16") for key in keys]
    found = {}
    for name in ("triton", "reference"):
        layer = PRPDense(
            d,
            seed=2**40 + 5,
            dtype="bfloat16",
            projection=family,
            storage=storage,
            implementation=name,
        )
        layer.build((None, d))
        found[name] = milliseconds(layer, xs, False)
    # Each product has a matrix of its own, which so is not in the cache.
    weights = [jax.random.normal(key, (d, d), "bfloat16") for key in keys]
    pairs = list(zip(xs, weights, strict=True))
    dense = milliseconds(lambda pair: jnp.matmul(*pair), pairs, False)
    return {
        "question": f"{family}, {storage}",
        "d": d,
        "batch": batch,
        "dtype": "bfloat16",
        "ours_ms": found["triton"],
        "reference_ms": found["reference"],
        "baseline": "dense product, weights not in the cache",
        "baseline_ms": dense,
        "ratio": dense / found["triton"],
        "reference_ratio": found["reference"] / found["triton"],
    }


def hadamard(d, batch, dtype, training):
    """A Hadamard layer, beside XLA's two products and its dense product."""
    keys = jax.random.split(jax.random.key(0), INPUTS)
    xs = [jax.random.normal(key, (batch, d), dtype) for key in keys]
    row = {
        "question": "hadamard, forward" + " and back" * training,
        "d": d,
        "batch": batch,
        "dtype": dtype,
        "copy_ms": milliseconds(lambda x: x + 1, xs, False),
    }
    for name, given in (("ours", None), ("reference", "reference")):
        layer = PRPDense(
            d,
            seed=2**40 + 5,
            dtype=dtype,
            projection="hadamard",
            implementation=given,
        )
        layer.build((None, d))
        row[f"{name}_ms"] = milliseconds(layer, xs, training)
    weight = jax.random.normal(keys[0], (d, d), dtype)
    row["baseline"] = "XLA's two products"
    row["baseline_ms"] = row.pop("reference_ms")
    row["dense_ms"] = milliseconds(jnp.matmul, xs, training, weight)
    row["ratio"] = row["baseline_ms"] / row["ours_ms"]
    row["dense_ratio"] = row["dense_ms"] / row["ours_ms"]
    row["over_copy"] = row["ours_ms"] / row["copy_ms"]
    return row


def milliseconds(function, xs, training, *rest):
    """Median of a call, of those that one program holds."""

    def one(x, *rest):
        if not training:
            return function(x, *rest)
        y, back = jax.vjp(function, x, *rest)
        return y, back(y)

    def whole(xs, *rest):
        # All of every result is made, and no memory is asked for them.
        found = jax.lax.optimization_barrier([one(x, *rest) for x in xs])
        return sum(leaf.ravel()[0] for leaf in jax.tree.leaves(found))

    whole = jax.jit(whole)
    run = partial(whole, xs, *rest)
    jax.block_until_ready(run())
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        jax.block_until_ready(run())
        times.append((time.perf_counter() - start) * 1e3 / len(xs))
    return statistics.median(times)


def model(projection, dtype, d=4096, batch=4096):
    """Keras's own `predict_on_batch` and `train_on_batch`, with Dense's."""
    found = {}
    for kind in ("ours", "baseline"):
        keras.backend.clear_session()
        keras.config.set_dtype_policy(dtype)
        layers: list = [keras.Input((d,))]
        for _ in range(LAYERS):
            layers.append(
                PRPDense(d, "relu", projection=projection, seed=1)
                if kind == "ours"
                else keras.layers.Dense(d, "relu")
            )
        whole = keras.Sequential([*layers, keras.layers.Dense(10)])
        whole.compile("adam", "mse")
        x = jax.random.normal(jax.random.key(0), (batch, d))
        y = jax.random.normal(jax.random.key(1), (batch, 10))
        state = whole.trainable_variables, whole.non_trainable_variables
        state = [[variable.value for variable in some] for some in state]
        forward = partial(jax.jit(whole.stateless_call), *state, x)
        found[f"{kind}_forward_ms"] = wall(forward)
        found[f"{kind}_ms"] = wall(partial(whole.train_on_batch, x, y))
    keras.config.set_dtype_policy("float32")
    return {
        "question": f"{LAYERS} layers, {projection}, train_on_batch",
        "d": d,
        "batch": batch,
        "dtype": dtype,
        "baseline": "keras Dense",
        **found,
        "ratio": found["baseline_ms"] / found["ours_ms"],
        "forward_ratio": found["baseline_forward_ms"]
        / found["ours_forward_ms"],
    }


def wall(function):
    """Median milliseconds of a call as its caller sees it."""
    times = []
    for nth in range(REPEATS + 3):
        start = time.perf_counter()
        jax.block_until_ready(function())
        times += [time.perf_counter() - start] * (nth >= 3)
    return statistics.median(times) * 1e3
