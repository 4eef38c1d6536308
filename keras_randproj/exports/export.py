"""Exports of models with projections."""

import os
from typing import Any

import keras

from keras_randproj.exports import formats
from keras_randproj.exports import onnx_erfc
from keras_randproj.exports.exportable import exportable


def export(
    model: keras.Model,
    filepath: str | os.PathLike[str],
    format: str,  # noqa: A002 - as Keras names it.
    export_projection: str = "baked",
    **kwargs: Any,
) -> None:
    """Writes a model for another runtime, such as ONNX or LiteRT.

    Calls `model.export` with every projection computed in plain operations,
    whatever its `implementation`, so that the file needs no kernel of this
    package. The hadamard family is seed-sized in either form: its files hold
    signs and positions, never P. The model is as it was afterwards; do not
    use it from another thread meanwhile.

    Args:
        model: A built Keras model, with layers of this package or without.
        filepath: Where to write. `"openvino"` wants the suffix `.xml`,
            `"litert"` `.tflite` and `"torch"` `.pt2`.
        format: `"tf_saved_model"`, `"onnx"`, `"openvino"`, `"litert"` or
            `"torch"`.
        export_projection: `"baked"` writes P as a constant in the dtype that
            the layer computes in. `"seed"` writes the seed, and the graph
            makes P from it with integer operations in each call;
            `"tf_saved_model"` and `"torch"` have those.
        **kwargs: Further arguments of `model.export`, such as
            `input_signature`.

    Raises:
        ValueError: If the backend cannot write the format, or the format or a
            family cannot do what `export_projection` asks.
        ImportError: If a package that Keras needs is not installed.

    Example:

    ```python
    keras_randproj.export(model, "served", format="tf_saved_model")
    ```
    """
    formats.check(format, export_projection)
    if not model.built:
        raise ValueError(
            f"`export()` needs a built model: call '{model.name}' on an "
            "input, or `build` it, first."
        )
    if format == "onnx" and keras.backend.backend() == "tensorflow":
        onnx_erfc.register()
    with exportable(model, export_projection):
        model.export(filepath, format=format, **kwargs)
