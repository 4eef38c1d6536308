"""What is left of a checkpoint whose writer is killed?

    python -m tests.hardening.killed_saves --kills 60

A child process saves over an old file and is killed at a random moment. The
parent loads what is there. Runs with torch, whose processes can be forked.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

import keras
import numpy as np

from experiments.results_file import where
from experiments.results_file import write
from keras_randproj import PRPDense
from keras_randproj.training import AtomicCheckpoint

RESULTS = Path(__file__).parent / "results/killed_saves.json"
OLD = 1.0
CALLBACKS = (keras.callbacks.ModelCheckpoint, AtomicCheckpoint)
# The child may be killed until this many times the length of a save.
SPAN = 1.3


def build():
    """A model with a megabyte of trained parameters."""
    layer = PRPDense(64, seed=1, residual_rank=2048)
    return keras.Sequential([keras.Input((64,)), layer])


def fill(model, value):
    for weight in model.trainable_weights:
        weight.assign(np.full(weight.shape, value, "float32"))


def found(model, path):
    """`"old"`, `"new"`, `"mixed"` or `"does not load"`."""
    try:
        if path.suffix == ".keras":
            model = keras.models.load_model(path)
        else:
            fill(model, 0.0)
            model.load_weights(path)
    except Exception:
        return "does not load"
    arrays = map(keras.ops.convert_to_numpy, model.trainable_weights)
    values = {float(v) for array in arrays for v in np.unique(array)}
    if len(values) > 1:
        return "mixed"
    return "old" if values == {OLD} else "new"


def kills(callback, name, count, folder):
    """Counts of what is found after `count` kills."""
    path = folder / name
    model, reader = build(), build()
    checkpoint = callback(path, save_weights_only=name.endswith("h5"))
    checkpoint.set_model(model)

    def save(value):
        fill(model, value)
        checkpoint.on_epoch_begin(0)
        start = time.perf_counter()
        checkpoint.on_epoch_end(0, {})
        return time.perf_counter() - start

    seconds = min(save(OLD) for _ in range(5))
    size = path.stat().st_size
    moments = random.Random(1)
    counts = dict.fromkeys(("old", "new", "mixed", "does not load"), 0)
    for _ in range(count):
        save(OLD)
        _kill_within(lambda: save(2.0), moments.random() * SPAN * seconds)
        counts[found(reader, path)] += 1
    return {
        "callback": callback.__name__,
        "file": name,
        "file_bytes": size,
        "kills": count,
        "save_ms": 1000 * seconds,
        **counts,
    }


def _kill_within(act, seconds):
    """Runs `act` in a child and kills it after so many seconds."""
    ready, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(tell, b".")
        act()
        os._exit(0)
    os.read(ready, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(ready)
    os.close(tell)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--json", type=Path, default=RESULTS)
    options = parser.parse_args()
    rows = []
    for callback in CALLBACKS:
        for name in ("m.keras", "m.weights.h5"):
            with tempfile.TemporaryDirectory() as folder:
                row = kills(callback, name, options.kills, Path(folder))
            print(row, flush=True)
            rows.append(row)
    what = "python -m tests.hardening.killed_saves"
    write(options.json, what, [where()], rows)


if __name__ == "__main__":
    main()
