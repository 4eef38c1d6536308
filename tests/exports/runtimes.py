"""The runtimes that exported files are for."""

import numpy as np

SUFFIXES = {
    "tf_saved_model": "",
    "onnx": ".onnx",
    "openvino": ".xml",
    "litert": ".tflite",
    "torch": ".pt2",
}


def run(name, path, x):
    """What the file's own runtime computes from float32 inputs.

    Args:
        name: Name of the format.
        path: String, the file or folder.
        x: NumPy array.

    Returns:
        NumPy array, the first output.
    """
    return np.asarray(globals()[f"_{name}"](str(path), x))


def _tf_saved_model(path, x):
    import tensorflow as tf

    loaded = tf.saved_model.load(path)
    return loaded.serve(x)


def _onnx(path, x):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return session.run(None, {session.get_inputs()[0].name: x})[0]


def _openvino(path, x):
    import openvino

    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    return openvino.Core().compile_model(path, "CPU", exact)(x)[0]


def _litert(path, x):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path)
    entry = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(entry, x.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry, x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def _torch(path, x):
    import torch

    return torch.export.load(path).module()(torch.from_numpy(x)).detach()
