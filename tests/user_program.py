"""What a user writes, checked by `mypy --strict` in `make lint`; not run."""

import keras
import numpy as np

import keras_randproj
from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import config
from keras_randproj import distribution
from keras_randproj import files
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj import report
from keras_randproj import training
from keras_randproj import transfer


def classifier(width: int, classes: int) -> keras.Model:
    matrix = matrices.SparseTernary(density=0.1)
    return keras.Sequential(
        [
            keras.Input((784,)),
            PRPDense(width, activation="relu", projection=matrix, seed=1),
            PRPDense(width, "gelu", projection="hadamard", depth=2),
            EUGenDense(width, num_features=64, kernel_regularizer="l2"),
            keras.layers.Dense(classes),
        ]
    )


def language_model(length: int, features: int) -> keras.Model:
    tokens = keras.Input((length, features))
    x = PRPMultiHeadAttention(4, 16, projection_seed=3)(tokens, tokens)
    x = PRPTransformerBlock(4, 256, feed_forward="eugen", causal=True)(x)
    return keras.Model(tokens, x)


def autoencoder(features: int, codes: int) -> keras.Model:
    inputs = keras.Input((features,))
    encoder = PRPDense(codes, keras.activations.tanh)
    hidden = encoder(inputs)
    return keras.Model(inputs, encoder.transposed(activation=None)(hidden))


def sketch(rows: np.ndarray) -> tuple[np.ndarray, str, int]:
    units = matrices.min_units(len(rows), eps=0.5)
    layer = projections.Gaussian(units, seed=7, storage="seed")
    layer.build((None, rows.shape[1]))
    layer.set_seed(8)
    return rows @ layer.materialize(), layer.digest(), layer.seed


def train(model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    sweep = training.LearningRateRangeTest(min_rate=1e-4, steps=20)
    saving = training.AtomicCheckpoint("model.keras", save_best_only=True)
    model.fit(x, y, callbacks=[sweep, saving])
    return sweep.suggestion()


def shrink(model: keras.Model, x: np.ndarray) -> list[float]:
    rules = {"*/feed_forward_*": transfer.to_eugen(num_features=32)}
    converted = keras_randproj.convert(model, rules, data=x)
    small = keras_randproj.distill(converted, x, rules, epochs=1)
    fit = transfer.activation_polynomials("gelu", order=3)
    return [each.error for each in small.reports] + [fit.error]


def look(model: keras.Model, path: str) -> bool:
    config.set_max_elements(2**20)
    rows: list[report.Row] = report.summary(model)
    flops: int = report.cost(model.layers[0], batch=32).flops
    print(rows[-1].reduction, flops, report.bit_efficiency(model, score=0.9))
    verdicts: list[files.Verdict] = files.verify(path, max_elements=2**24)
    return all(verdict.ok for verdict in verdicts)


def everywhere(mesh: keras.distribution.DeviceMesh, path: str) -> None:
    layouts = distribution.layout_map(mesh, replicated=["classifier"])
    keras.distribution.set_distribution(
        keras.distribution.ModelParallel(layout_map=layouts)
    )
    keras_randproj.export(classifier(512, 10), path, format="onnx")


def mistakes() -> None:
    """Each is one that `mypy` must find: an unused comment is an error."""
    PRPDense("512")  # type: ignore[arg-type]
    PRPDense(512, projection=3)  # type: ignore[arg-type]
    EUGenDense(512, num_features=None)  # type: ignore[arg-type]
    PRPMultiHeadAttention(4, 16, storage=True)  # type: ignore[arg-type]
    projections.Gaussian(5).digest() + 1  # type: ignore[operator]
    print(files.verify("m.keras")[0].layer.ok)  # type: ignore[attr-defined]
    report.summary("m.keras")[0] + 1  # type: ignore[operator]
