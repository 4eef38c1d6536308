"""How large is an exported layer 1024 -> 1024, and what does its runtime give?

`python -m experiments.export_sizes`, one process a backend; `make
test-exports` installs what it needs.
"""

import importlib.metadata
import os
import tempfile
from pathlib import Path

from experiments.gather import main

SIZE = 1024
BATCH = 4
BACKENDS = ("tensorflow", "jax", "torch")
TOOLS = (
    "ai-edge-litert",
    "jax2onnx",
    "litert-torch",
    "onnxruntime",
    "openvino",
    "tensorflow",
    "tf2onnx",
)
RESULTS = Path(__file__).parent / "results/export_sizes.json"


def rows(backend):
    """A row a format, layer and form of P."""
    import keras

    from keras_randproj import PRPDense
    from keras_randproj.exports import formats

    models = {
        "Dense": lambda: keras.layers.Dense(SIZE),
        "rademacher": lambda: PRPDense(SIZE, projection="rademacher", seed=1),
        "gaussian": lambda: PRPDense(SIZE, projection="gaussian", seed=1),
        "hadamard": lambda: PRPDense(SIZE, projection="hadamard", seed=1),
    }
    for name, backends in formats.TOOLS.items():
        if backend not in backends:
            continue
        for layer, make in models.items():
            if layer == "gaussian" and name not in formats.SEED_FORMATS:
                continue  # As large as rademacher.
            forms = ["baked"]
            if layer in ("rademacher", "gaussian"):
                forms += ["seed"] * (name in formats.SEED_FORMATS)
            for form in forms:
                yield {
                    "format": name,
                    "layer": layer,
                    "export_projection": form,
                    **_exported(make(), name, form),
                }


def _exported(layer, name, form):
    """Bytes of the artefact and its largest difference from the model."""
    import keras
    import numpy as np

    from keras_randproj import export
    from tests.exports import runtimes

    model = keras.Sequential([keras.Input((SIZE,)), layer])
    x = np.random.default_rng(0).normal(size=(BATCH, SIZE)).astype("float32")
    expected = keras.ops.convert_to_numpy(model(x))
    spec = keras.layers.InputSpec(shape=x.shape, dtype="float32", name="x")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"model{runtimes.SUFFIXES[name]}")
        export(model, path, name, form, verbose=False, input_signature=[spec])
        found = runtimes.run(name, path, x)
        files = [f for f in Path(folder).rglob("*") if f.is_file()]
        return {
            "bytes": sum(f.stat().st_size for f in files),
            "largest_difference": float(np.max(np.abs(found - expected))),
        }


if __name__ == "__main__":
    tools = {tool: importlib.metadata.version(tool) for tool in TOOLS}
    main("experiments.export_sizes", RESULTS, BACKENDS, rows, tools, size=SIZE)
