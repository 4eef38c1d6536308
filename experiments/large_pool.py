"""Features chosen from a large pool: how long it takes, and what it gives.

    KERAS_BACKEND=torch python -m experiments.large_pool [--fast]

A made-up layer of the size of a sentence encoder's, 384 -> 1,536 with GELU, is
fitted on 30,000 rows whose variance falls along their directions as that of
tokens does. Each pool is a process of its own, so that the peak of its memory
is its own.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

PATH = Path(__file__).parent / "results/large_pool.json"
INPUTS, UNITS, ROWS, FEATURES = 384, 1536, 30_000, 512
POOLS = 16_384, 4_096, None


def measure(pool, rows, units):
    import keras
    import numpy as np

    from experiments.process_memory import memory
    from keras_randproj import EUGenDense
    from keras_randproj import distill_layer

    rng = np.random.default_rng(0)
    spread = np.arange(1, INPUTS + 1) ** -0.5
    x = rng.normal(size=(rows, INPUTS)) * spread / np.linalg.norm(spread)
    x = (x @ np.linalg.qr(rng.normal(size=(INPUTS, INPUTS)))[0]).astype("f")
    keras.utils.set_random_seed(0)
    teacher = keras.layers.Dense(
        units, "gelu", kernel_initializer=keras.initializers.RandomNormal(0, 2)
    )
    teacher.build((None, INPUTS))
    eugen = EUGenDense(
        units,
        FEATURES,
        order=1,
        feature_activation="gelu",
        norm_feature=False,
        projection="gaussian",
        shift=1.0,
        seed=7,
    )
    before = memory("VmHWM")
    start, cpu = time.perf_counter(), time.process_time()
    report = distill_layer(
        eugen, teacher, x, pool=pool, rivals=False, verbose=0
    )
    return {
        "pool": pool,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
        "peak_bytes": memory("VmHWM"),
        "before_bytes": before,
        "error": report.error,
        "mean_error": report.mean_error,
        "ridge": report.ridge,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="a small trial")
    parser.add_argument("--json", type=Path, default=PATH)
    parser.add_argument("--one", help="pool, rows and units, in JSON")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(*json.loads(options.one))))
        return
    from experiments.results_file import where
    from experiments.results_file import write

    pools, rows, units = POOLS, ROWS, UNITS
    if options.fast:
        pools, rows, units = (1024, None), 2000, 32
        options.json = Path("build/large_pool_fast.json")
    found = []
    for pool in pools:
        of = json.dumps([pool, rows, units])
        command = [sys.executable, "-m", "experiments.large_pool", "--one", of]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE)
        found.append(json.loads(said.stdout.splitlines()[-1]))
        print(found[-1], flush=True)
    write(
        options.json,
        "python -m experiments.large_pool",
        [where()],
        found,
        fitted_to=rows,
        inputs=INPUTS,
        units=units,
        features=FEATURES,
    )


if __name__ == "__main__":
    main()
