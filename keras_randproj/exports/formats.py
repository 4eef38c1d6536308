"""What each format of `model.export` can hold of a projection."""

import importlib.util

import keras

from keras_randproj import _install
from keras_randproj.arguments import one_of

# Per format: what Keras needs on each backend that can write it.
TOOLS: dict[str, dict[str, tuple[str, ...]]] = {
    "tf_saved_model": {"tensorflow": (), "jax": ("tensorflow",)},
    "onnx": {
        "tensorflow": ("tf2onnx",),
        "jax": ("jax2onnx",),
        "torch": ("onnxscript",),
    },
    "openvino": {"tensorflow": ("openvino",), "torch": ("openvino",)},
    "litert": {"tensorflow": (), "torch": ("litert_torch",)},
    "torch": {"torch": ()},
}

# Why a backend is missing above, where there is more to say.
NOT_WRITTEN = {
    ("tf_saved_model", "torch"): (
        "it goes through torch_xla, which is not tested here"
    ),
    ("openvino", "jax"): (
        "JAX hands over a StableHLO call, XlaCallModule, for which OpenVINO "
        "has no conversion rule"
    ),
    ("litert", "jax"): "Keras converts TensorFlow and PyTorch programs only",
}

# Formats whose graphs keep 64-bit or unsigned integers, their bitwise
# operations, and a generator that no converter computes ahead.
SEED_FORMATS = ("tf_saved_model", "torch")

NO_INTEGER_GENERATOR = {
    "onnx": (
        "no converter takes it: tf2onnx has no bitwise xor, jax2onnx no "
        "unsigned products that ONNX Runtime computes, and PyTorch's exporter "
        "fails on the custom gradient around it"
    ),
    "openvino": (
        "its converters take neither the dynamic update of a slice that "
        "TensorFlow's graph has nor PyTorch's custom gradient"
    ),
    "litert": (
        "its built-in operations have no bitwise and, and TensorFlow's own "
        "are not in the LiteRT runtime"
    ),
}


def check(name, export_projection):
    """Refuses what cannot be written, before anything is.

    Args:
        name: A format of `model.export`.
        export_projection: `"baked"` or `"seed"`.

    Raises:
        ValueError: If there is no such format, or it cannot hold that.
        ImportError: If Keras needs a package that is not installed.
    """
    one_of("format", name, tuple(TOOLS))
    one_of("export_projection", export_projection, ("baked", "seed"))
    backend = keras.backend.backend()
    if backend not in TOOLS[name]:
        reason = NOT_WRITTEN.get((name, backend), "it holds a PyTorch program")
        raise ValueError(
            f"Format '{name}' cannot be written on the {backend} backend: "
            f"{reason}. Backends that write it: {sorted(TOOLS[name])}. "
            f"Received: format={name!r}"
        )
    if export_projection == "seed" and name not in SEED_FORMATS:
        raise ValueError(
            f"Format '{name}' cannot regenerate P from its seed with "
            f"integer operations: {NO_INTEGER_GENERATOR[name]}. Use "
            "`export_projection='baked'`, or the hadamard family, which is "
            "seed-sized in every format. "
            f"Received: export_projection={export_projection!r}"
        )
    for tool in TOOLS[name][backend]:
        if importlib.util.find_spec(tool) is None:
            raise ImportError(
                f"Format '{name}' on the {backend} backend needs the "
                f"package {tool}: {_install.advice('exports')}"
            )
