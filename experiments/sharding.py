"""Peak memory of a layer over virtual devices.

All devices are in one process, which then holds every part: its peak is
compared with the bytes of the whole matrix. A run is stopped, and said to be,
where the machine has less than `FLOOR` bytes left. Run `python -m
experiments.sharding`.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from experiments.process_memory import memory
from experiments.results_file import where
from experiments.results_file import write

RESULTS = Path(__file__).parent / "results" / "sharding.json"
DEVICES = 8
BATCH = 8
FLOOR = 2 * 2**30
# The larger one needs a machine of 24 GiB to itself.
DTYPES = {16384: "float32", 65536: "float32"}


def child(kind, size, dtype):
    """Prints the peak after each stage of one case."""
    import jax
    import keras
    from keras import distribution

    import keras_randproj
    from keras_randproj.distribution import layout_map

    keras_randproj.config.set_max_elements(size * size)
    mesh = distribution.DeviceMesh((1, DEVICES), ("batch", "model"))
    layouts = layout_map(mesh)
    layouts[r"dense/kernel"] = (None, "model")
    distribution.set_distribution(
        distribution.ModelParallel(layout_map=layouts)
    )
    x = jax.block_until_ready(keras.ops.ones((BATCH, size), dtype))
    start = memory("VmRSS")
    if kind == "PRPDense":
        layer = keras_randproj.PRPDense(
            size, projection="rademacher", seed=1, dtype=dtype
        )
    else:
        layer = keras.layers.Dense(size, dtype=dtype, name="dense")
    layer.build((None, size))
    prp = kind == "PRPDense"
    matrix = layer.projection.matrix if prp else layer.kernel
    jax.block_until_ready(matrix.value)
    parts = matrix.value.addressable_shards
    report(start, matrix=sum(p.data.nbytes for p in parts), stage="built")
    call = jax.jit(
        lambda weights, x: layer.stateless_call(weights[0], weights[1], x)[0]
    )
    weights = [
        [v.value for v in variables]
        for variables in (
            layer.trainable_variables,
            layer.non_trainable_variables,
        )
    ]
    jax.block_until_ready(call(weights, x))
    report(start, stage="called")


def report(start, **found):
    print(json.dumps({**found, "peak": memory("VmHWM") - start}), flush=True)


def watched(kind, size, dtype):
    """One case in a process of its own, stopped where memory runs out."""
    flag = f"--xla_force_host_platform_device_count={DEVICES}"
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.sharding", kind, str(size), dtype],
        env=os.environ | {"KERAS_BACKEND": "jax", "XLA_FLAGS": flag},
        stdout=subprocess.PIPE,
        text=True,
    )
    row = {"layer": kind, "size": size, "dtype": dtype, "devices": DEVICES}
    status, seen = f"/proc/{process.pid}/status", 0
    while process.poll() is None:
        if os.path.exists(status):
            seen = max(seen, memory("VmHWM", status))
        if memory("MemAvailable", "/proc/meminfo") < FLOOR:
            process.kill()
            row["stopped_above"] = seen
            break
        time.sleep(0.05)
    for line in process.communicate()[0].splitlines():
        found = json.loads(line)
        row["matrix"] = found.get("matrix", row.get("matrix"))
        row[f"peak_{found['stage']}"] = found["peak"]
    row["exit"] = process.returncode
    return row


def main(sizes):
    os.environ["KERAS_BACKEND"] = "jax"
    rows = []
    for size in sizes:
        for kind in ("PRPDense", "Dense"):
            rows.append(watched(kind, size, DTYPES[size]))
            print(rows[-1], flush=True)
    what = "python -m experiments.sharding"
    write(RESULTS, what, [where()], rows, batch=BATCH)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.sharding")
    parser.add_argument("case", nargs="*", help="one case, in this process")
    parser.add_argument("--sizes", nargs="*", type=int, default=list(DTYPES))
    options = parser.parse_args()
    if options.case:
        kind, size, dtype = options.case
        child(kind, int(size), dtype)
    else:
        main(options.sizes)
