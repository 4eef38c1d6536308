"""What `benchmarks.gpu` measures on torch.

Calls run in CUDA graphs, on inputs that rotate over at most 64 copies, so
that they come from memory; each row is a ratio to a copy of the data and to
the library's product with a matrix in memory.
"""

import statistics
import time
from functools import partial

import keras
import torch

from keras_randproj import PRPDense

REPEATS = 12
MOST_COPIES = 64
ROTATED_BYTES = 2**29
LAYERS = 3
# Features of layers that leave the GPU idle.
HOST_SIZE = 64
ORDERS = (1024, 2048, 4096, 8192, 16384, 32768)
# The largest matrix that a dense product is measured with, as bytes.
LARGEST_DENSE = 2**31


def cases():
    for dtype in ("mixed_bfloat16", "float32"):
        for projection in ("hadamard", "gaussian"):
            yield model, projection, dtype
    for batch in (8192, 512, 1):
        for order in ORDERS:
            yield hadamard, order, batch, "bfloat16", False
    for order in (1024, 4096, 8192):
        yield hadamard, order, 8192, "float32", False
        yield hadamard, order, 8192, "float16", False
    for order, batch in ((4096, 8192), (4096, 512), (16384, 512)):
        yield hadamard, order, batch, "bfloat16", True
    for family, storage in (
        ("rademacher", "seed"),
        ("rademacher", "packed"),
        ("sparse_ternary", "seed"),
        ("sparse_ternary", "packed"),
        ("gaussian", "seed"),
    ):
        for batch in (1, 16, 128, 512):
            yield seeded, family, storage, 8192, batch


def hadamard(d, batch, dtype, training):
    """A Hadamard layer, beside a copy and the library's product."""
    layer = build(d, dtype, projection="hadamard")
    size = torch.finfo(getattr(torch, dtype)).bits // 8
    xs = copies(batch, d, dtype, training)
    ys = [torch.empty_like(x) for x in xs]
    row = {
        "question": "hadamard, forward" + " and back" * training,
        "d": d,
        "batch": batch,
        "dtype": dtype,
        "copy_ms": milliseconds(
            [partial(y.copy_, x.detach()) for x, y in zip(xs, ys, strict=True)]
        ),
    }
    weight = None
    if d * d * size <= LARGEST_DENSE:
        weight = torch.randn(d, d, device="cuda", dtype=xs[0].dtype)
        weight.requires_grad_(training)
    with torch.set_grad_enabled(training):
        row["ours_ms"] = milliseconds(
            [partial(run, layer, x, training) for x in xs]
        )
        if weight is not None:
            dense = partial(torch.nn.functional.linear, weight=weight)
            row["baseline"] = "torch linear"
            row["baseline_ms"] = milliseconds(
                [partial(run, dense, x, training) for x in xs]
            )
            row["ratio"] = row["baseline_ms"] / row["ours_ms"]
    row["over_copy"] = row["ours_ms"] / row["copy_ms"]
    return row


def seeded(family, storage, d, batch):
    """A product with P from its seed or packed; cuBLAS reads its weights."""
    layer = build(d, "bfloat16", projection=family, storage=storage)
    xs = copies(batch, d, "bfloat16", False)
    weights = [
        torch.randn(d, d, device="cuda", dtype=torch.bfloat16)
        for _ in range(max(2, ROTATED_BYTES // (2 * d * d)))
    ]
    with torch.no_grad():
        ours = milliseconds([partial(layer, x) for x in xs])
        dense = milliseconds([partial(torch.matmul, xs[0], w) for w in weights])
    return {
        "question": f"{family}, {storage}",
        "d": d,
        "batch": batch,
        "dtype": "bfloat16",
        "ours_ms": ours,
        "baseline": "cuBLAS, weights not in the cache",
        "baseline_ms": dense,
        "ratio": dense / ours,
    }


def model(projection, dtype, d=4096, batch=4096):
    """Keras's own `predict_on_batch` and `train_on_batch`, with Dense's."""
    found = {}
    for kind in ("ours", "baseline"):
        # Of small layers, what a call costs the host.
        for place, size, rows in (("_host", HOST_SIZE, 1), ("", d, batch)):
            keras.backend.clear_session()
            keras.config.set_dtype_policy(dtype)
            torch.cuda.reset_peak_memory_stats()
            layers: list = [keras.Input((size,))]
            for _ in range(LAYERS):
                layers.append(
                    PRPDense(size, "relu", projection=projection, seed=1)
                    if kind == "ours"
                    else keras.layers.Dense(size, "relu")
                )
            whole = keras.Sequential([*layers, keras.layers.Dense(10)])
            whole.compile("adam", "mse")
            x = torch.randn(rows, size, device="cuda")
            y = torch.randn(rows, 10, device="cuda")
            with torch.no_grad():
                found[f"{kind}{place}_forward_ms"] = wall(partial(whole, x))
            train = partial(whole.train_on_batch, x, y)
            found[f"{kind}{place}_ms"] = wall(train)
        found[f"{kind}_peak_bytes"] = torch.cuda.max_memory_allocated()
    keras.config.set_dtype_policy("float32")
    return {
        "question": f"{LAYERS} layers, {projection}, train_on_batch",
        "d": d,
        "batch": batch,
        "dtype": dtype,
        "baseline": "keras Dense",
        **found,
        "peak_bytes": found["ours_peak_bytes"],
        "ratio": found["baseline_ms"] / found["ours_ms"],
        "forward_ratio": found["baseline_forward_ms"]
        / found["ours_forward_ms"],
    }


def build(d, dtype, **arguments):
    layer = PRPDense(d, seed=2**40 + 5, dtype=dtype, **arguments)
    layer.build((None, d))
    return layer


def copies(batch, d, dtype, training):
    dtype = getattr(torch, dtype)
    bytes_each = batch * d * torch.finfo(dtype).bits // 8
    count = min(MOST_COPIES, max(2, ROTATED_BYTES // bytes_each))
    return [
        torch.randn(
            batch, d, device="cuda", dtype=dtype, requires_grad=training
        )
        for _ in range(count)
    ]


def run(function, x, training):
    y = function(x)
    if training:
        y.backward(torch.ones_like(y))
        x.grad = None


def milliseconds(calls):
    """Median of a call, of those that one CUDA graph holds in turn."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls[:2]:
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = []
    for _ in range(REPEATS):
        start.record()
        graph.replay()
        end.record()
        end.synchronize()
        times.append(start.elapsed_time(end) / len(calls))
    return statistics.median(times)


def wall(function):
    """Median milliseconds of a call as its caller sees it."""
    times = []
    for nth in range(REPEATS + 3):
        torch.cuda.synchronize()
        start = time.perf_counter()
        function()
        torch.cuda.synchronize()
        times += [time.perf_counter() - start] * (nth >= 3)
    return statistics.median(times) * 1e3


def device():
    """Name of the GPU, or `None`."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None
