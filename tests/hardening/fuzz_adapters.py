"""Loads damaged files of adapters by the thousand.

    python -m tests.hardening.fuzz_adapters --mutants 20000

A mutant is refused, with the model as it was, or it gives the very adapter
that was saved: damage to the white space of a header is none. A quarter are
damaged anywhere, a quarter in the header, and a quarter in the recipe, with a
checksum that is right again; the rest are intact, and loaded on a base of
which one number is the next that its dtype has.
"""

import argparse
import collections
import json
import struct
import sys
import tempfile
import tracemalloc
from pathlib import Path

import keras
import numpy as np

from keras_randproj import adapters
from keras_randproj.files import adapter_file

from .mutations import raw
from .mutations.config import VALUES

# Python's and NumPy's memory of a load; the file has three kilobytes.
MOST_BYTES = 4 * 2**20
REFUSED, SAME, OTHER, LEFT, HEAVY, CRASH = (
    "refused",
    "the same",
    "OTHER NUMBERS",
    "MODEL CHANGED",
    "TOO MUCH MEMORY",
    "ANOTHER ERROR",
)
GOOD = {REFUSED, SAME}
CHANGES = ("value", "delete", "another place", "near", "repeat", "name")


class Target:
    """A model, and the file of its adapters.

    Args:
        folder: `Path` where files are written.
    """

    def __init__(self, folder):
        self.path = folder / "mutant.safetensors"
        words = keras.Input((3, 8))
        x = keras.layers.EinsumDense(
            "abc,cde->abde", (None, 2, 4), "relu", "de", name="first"
        )(words)
        x = keras.layers.Reshape((3, 8))(x)
        y = keras.layers.Dense(4, name="second")(x)
        self.model = keras.Model(words, y)
        self.x = np.random.default_rng(0).normal(size=(2, 3, 8))
        self.base = self.outputs()
        forms = [
            adapters.Modulation(),
            adapters.SeededLowRank(4, seed=1),
            adapters.SeededUpdate(10, 2, seed=2),
            adapters.LowRank(1),
        ]
        adapters.attach(self.model, {"*": forms})
        rng = np.random.default_rng(1)
        for weight in self.model.trainable_weights:
            weight.assign(rng.normal(size=weight.shape) * 0.1)
        adapters.save(self.model, self.path)
        self.adapted = self.outputs()
        adapters.detach(self.model)
        self.data = self.path.read_bytes()

    def outputs(self):
        return keras.ops.convert_to_numpy(self.model(self.x))

    def another_base(self, rng):
        """What becomes of the intact file on a base that differs in a bit."""
        weights = self.model.weights
        weight = weights[rng.integers(len(weights))]
        whole = keras.ops.convert_to_numpy(weight)
        other = np.array(whole)
        place = rng.integers(other.size)
        other.flat[place] = np.nextafter(other.flat[place], np.float32(9))
        weight.assign(other)
        base, self.base = self.base, self.outputs()
        outcome, said = self.judge(self.data)
        weight.assign(whole)
        self.base = base
        return (OTHER if outcome == SAME else outcome), said

    def judge(self, data):
        """What becomes of a mutant, and what was said."""
        self.path.write_bytes(data)
        tracemalloc.start()
        try:
            adapters.load(self.model, self.path)
        except ValueError as error:
            said = str(error)
        except Exception as error:
            return CRASH, repr(error)
        else:
            said = None
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        if peak > MOST_BYTES:
            return HEAVY, f"{peak} bytes"
        if said is not None:
            same = np.array_equal(self.outputs(), self.base)
            plain = not any("adapter" in w.path for w in self.model.weights)
            return (REFUSED if same and plain else LEFT), said
        error = np.abs(self.outputs() - self.adapted).max()
        adapters.detach(self.model)
        return (SAME if error < 1e-5 else OTHER), f"differs by {error}"


def damage(data, rng):
    """Name of a mutation, and the damaged bytes."""
    kind = rng.integers(3)
    if kind == 0:
        mutation = raw.MUTATIONS[rng.integers(len(raw.MUTATIONS))]
        return mutation.__name__, mutation(data, rng)
    size = struct.unpack("<Q", data[:8])[0]
    header, rest = data[8 : 8 + size], data[8 + size :]
    if kind == 1:
        name, header = change(json.loads(header), rng)
        return f"header: {name}", struct.pack("<Q", len(header)) + header + rest
    found = json.loads(header)
    metadata = found["__metadata__"]
    name, recipe = change(json.loads(metadata["recipe"]), rng)
    metadata["recipe"] = recipe.decode()
    arrays = {
        key: np.frombuffer(
            rest[slice(*entry["data_offsets"])],
            adapter_file_dtype(entry["dtype"]),
        ).reshape(entry["shape"])
        for key, entry in found.items()
        if key != "__metadata__"
    }
    metadata["checksum"] = adapter_file.checksum(metadata["recipe"], arrays)
    header = json.dumps(found).encode()
    return f"recipe: {name}", struct.pack("<Q", len(header)) + header + rest


def change(tree, rng):
    """Name of a change, and the bytes of JSON with one thing in it changed."""
    places = list(_places(tree))
    parent, key = places[rng.integers(len(places))]
    value = parent[key]
    name = CHANGES[rng.integers(len(CHANGES))]
    if name == "value":
        parent[key] = VALUES[rng.integers(len(VALUES))]
    elif name == "delete":
        del parent[key]
    elif name == "another place":
        other, there = places[rng.integers(len(places))]
        parent[key] = json.loads(json.dumps(other[there]))
    elif name == "near" and type(value) in (int, float):
        parent[key] = value + (-1, 1, 2**32)[rng.integers(3)]
    elif name == "near" and isinstance(value, str) and value:
        at = rng.integers(len(value))
        parent[key] = value[:at] + chr(rng.integers(32, 500)) + value[at + 1 :]
    elif name == "repeat" and isinstance(value, (list, str)):
        parent[key] = value * int(rng.integers(2, 40))
    elif isinstance(parent, dict):
        parent[f"{key} "] = parent.pop(key)
    else:
        parent.reverse()
    return f"{name} of {type(value).__name__}", json.dumps(tree).encode()


def _places(tree):
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in list(items):
        yield tree, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def adapter_file_dtype(name):
    return {"F32": "<f4", "U8": "u1"}[name]


def run(seed, numbers):
    """Yields a dict a mutant."""
    with tempfile.TemporaryDirectory() as folder:
        target = Target(Path(folder))
        for number in numbers:
            rng = np.random.default_rng([seed, number])
            if number % 4:
                mutation, data = damage(target.data, rng)
                outcome, said = target.judge(data)
            else:
                mutation = "another base"
                outcome, said = target.another_base(rng)
            yield {
                "number": number,
                "mutation": mutation,
                "outcome": outcome,
                "said": said[:300],
            }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    numbers = range(options.mutants)
    if options.only is not None:
        numbers = range(options.only, options.only + 1)
    counts: collections.Counter = collections.Counter()
    for line in run(options.seed, numbers):
        counts[line["outcome"]] += 1
        if line["outcome"] not in GOOD or options.only is not None:
            print(json.dumps(line), flush=True)
    print(dict(counts))
    sys.exit(bool(set(counts) - GOOD))


if __name__ == "__main__":
    main()
