"""A EUGen's head from its teacher's inputs and outputs, in closed form."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import positive_integer
from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.low_rank import LowRank
from keras_randproj.transfer.normal_equations import NormalEquations
from keras_randproj.transfer.normal_equations import choose_ridge


def distill_layer(
    eugen: EUGenDense,
    teacher: Callable[[Any], Any] | None,
    data: Any,
    ridge: float | str = "auto",
    validation_split: float = 0.1,
    batch_size: int = 1024,
    epochs: int = 0,
    learning_rate: float = 1e-3,
    verbose: int | str = 1,
) -> DistillationReport:
    """Fits the head of a `EUGenDense` to a trained layer by least squares.

    No backpropagation: with the random features fixed, the best head solves
    linear equations, whose sums are gathered in float64 while the data
    streams by. With `epochs`, what the layer trains (its matrices too, with
    `trainable_projection=True`) is then fine-tuned with the Huber loss, which
    keeps the rows in memory.

    Args:
        eugen: `EUGenDense` without output activation. Its head is replaced.
        teacher: Layer or callable that gives the targets, with its activation;
            `None` where data holds pairs.
        data: Inputs of the layer: an array or an iterable of batches (a
            generator, `tf.data`, a torch `DataLoader`), or pairs of inputs
            and targets.
        ridge: Non-negative float, relative to the features' variance, or
            `"auto"` for the best of several on held-out rows.
        validation_split: Float in `[0, 1)`, share of rows held out, evenly
            spread.
        batch_size: Positive integer, rows of a batch, where data is an array.
        epochs: Integer, epochs of fine-tuning; 0 for none.
        learning_rate: Float, of Adam in the fine-tuning.
        verbose: 0 for silence, 1 for a progress bar and the report.

    Returns:
        A `DistillationReport`.

    Raises:
        ValueError: If an argument is not as above, the data is empty, has
            rows that are not finite or that do not fit the layer, or has
            fewer rows than features without a ridge.

    Reference:
        Kim et al., "EUGens: Efficient, Unified, and General Dense Layers",
        arXiv 2410.09771, sections 4.5 and B.2.

    Example:

    >>> teacher = keras.layers.Dense(8, activation="relu")
    >>> x = np.random.default_rng(0).normal(size=(2000, 16))
    >>> eugen = EUGenDense(8, num_features=32, seed=7)
    >>> report = distill_layer(eugen, teacher, x, verbose=0)
    >>> report.error < report.mean_error
    True
    """

    def pairs():
        for x, y in rows.batches(data, batch_size):
            yield x, _targets(teacher, x, y)

    if epochs and rows.is_one_shot(data):
        raise ValueError(
            "Fine-tuning reads the data again, and a generator can be read "
            "only once. Pass an array or a re-iterable data set, or "
            f"epochs=0. Received: epochs={epochs}, data={data}"
        )
    return distill_pairs(
        eugen,
        teacher,
        pairs,
        ridge=ridge,
        validation_split=validation_split,
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=learning_rate,
        verbose=verbose,
    )


def distill_pairs(
    eugen,
    teacher,
    pairs,
    ridge="auto",
    validation_split=0.1,
    batch_size=1024,
    epochs=0,
    learning_rate=1e-3,
    verbose=1,
):
    """`distill_layer` on a function that gives pairs of arrays anew.

    Args:
        eugen: `EUGenDense`.
        teacher: Layer, for the low-rank baseline, or anything else.
        pairs: Callable that returns an iterable of inputs and targets.
        ridge: See `distill_layer`, as all that follow.
        validation_split: As there.
        batch_size: As there.
        epochs: As there.
        learning_rate: As there.
        verbose: As there.

    Returns:
        A `DistillationReport`.
    """
    _check_arguments(eugen, ridge, validation_split)
    positive_integer("batch_size", batch_size)
    non_negative_integer("epochs", epochs)
    train, test, baseline = _gather(
        eugen, teacher, pairs, validation_split, verbose
    )
    ridge, kernel, bias = _solve(eugen, train, test, ridge)
    eugen.kernel.assign(kernel)
    if eugen.bias is not None:
        eugen.bias.assign(bias)
    # Without held-out rows, errors are those of the fit itself.
    judge = test if test.rows else train
    fine_tuned = None
    if epochs:
        x, y, held_out = _collect(eugen, pairs, validation_split)
        _fine_tune(eugen, x[~held_out], y[~held_out], epochs, learning_rate)
        judged = held_out if held_out.any() else ~held_out
        found = ops.convert_to_numpy(_in_batches(eugen, x[judged], batch_size))
        fine_tuned = float(
            np.linalg.norm(found - y[judged]) / np.linalg.norm(y[judged])
        )
    norm = np.sqrt(judge.square) or 1.0
    mean = train.targets / train.rows
    report = DistillationReport(
        layer=eugen.path or eugen.name,
        rows=train.rows,
        held_out_rows=test.rows,
        ridge=float(ridge),
        error=float(np.sqrt(judge.squared_error(kernel, bias)) / norm),
        fine_tuned_error=fine_tuned,
        mean_error=float(np.sqrt(judge.squared_error(0 * kernel, mean)) / norm),
        low_rank_error=baseline and baseline.error(bool(test.rows)),
        rank=baseline and baseline.rank,
        parameters=eugen.count_params(),
    )
    if verbose:
        print(report)
    return report


def _check_arguments(eugen, ridge, validation_split):
    if not isinstance(eugen, EUGenDense):
        raise ValueError(f"`eugen` must be a `EUGenDense`. Received: {eugen}")
    if eugen.activation not in (None, keras.activations.linear):
        raise ValueError(
            "`eugen` must have no output activation: its features stand in "
            f"for the teacher's. Received: activation={eugen.activation}"
        )
    if eugen.head.quantization_mode is not None or eugen.head.lora_enabled:
        raise ValueError(
            f"`eugen` must have a plain head, which is replaced. Received: "
            f"quantization_mode={eugen.head.quantization_mode!r}, "
            f"lora_rank={eugen.head.lora_rank}"
        )
    if ridge != "auto" and not (np.isreal(ridge) and 0 <= ridge < np.inf):
        raise ValueError(
            "`ridge` must be 'auto' or a non-negative number. "
            f"Received: ridge={ridge!r}"
        )
    if not 0 <= validation_split < 1:
        raise ValueError(
            "`validation_split` must be in [0, 1). "
            f"Received: validation_split={validation_split}"
        )


def _targets(teacher, x, y):
    if teacher is not None:
        return ops.convert_to_numpy(teacher(x))
    if y is None:
        raise ValueError(
            "`teacher` is None, so `data` must hold pairs of inputs and "
            "targets. Received inputs alone."
        )
    return y


def _gather(eugen, teacher, pairs, split, verbose):
    """Streams the pairs into sums of the training and held-out rows."""
    train: Any = None
    test: Any = None
    baseline: Any = None
    seen = 0
    bar = keras.utils.Progbar(None, unit_name="batch", verbose=verbose)
    for x, y in pairs():
        x, y = _as_rows(eugen, x, y, seen)
        if train is None:
            features = eugen.features.order * eugen.features.num_features
            train = NormalEquations(features, eugen.units)
            test = NormalEquations(features, eugen.units)
            baseline = LowRank.of(teacher, eugen.count_params())
        out = rows.held_out(seen, len(x), split)
        features = ops.convert_to_numpy(eugen.features(x))
        rows.check_finite(features, seen, "The features of `data`")
        for sums, chosen in ((train, ~out), (test, out)):
            sums.add(features[chosen], y[chosen])
        if baseline:
            baseline.add(x, y, out)
        seen += len(x)
        bar.add(1)
    if verbose:
        print()
    if train is None or not train.rows:
        raise ValueError(
            f"`data` must have at least one row to solve on. Received: {seen} "
            f"rows, validation_split={split}"
        )
    return train, test, baseline


def _as_rows(eugen, x, y, seen):
    """Inputs and targets as matrices, once they are known to fit."""
    if not eugen.built:
        eugen.build((None, x.shape[-1]))
    x = x.reshape(-1, eugen.features.input_spec.axes[-1])
    if y.shape[-1] != eugen.units and y.size != len(x) * eugen.units:
        raise ValueError(
            f"The teacher must give {eugen.units} outputs, as '{eugen.name}' "
            f"does. Received outputs of shape {y.shape}"
        )
    y = y.reshape(-1, eugen.units)
    if len(x) != len(y):
        raise ValueError(
            "Inputs and targets must have the same number of rows. "
            f"Received: {len(x)} and {len(y)}"
        )
    rows.check_finite(x, seen, "Inputs in `data`")
    rows.check_finite(y, seen, "Targets")
    return x, y


def _solve(eugen, train, test, ridge):
    if ridge == "auto":
        if not test.rows:
            raise ValueError(
                "`ridge='auto'` needs held-out rows. Pass more rows, a larger "
                f"`validation_split`, or a number. Received: {train.rows} rows"
            )
        return choose_ridge(train, test, eugen.use_bias)
    if ridge == 0 and train.rows < len(train.features):
        raise ValueError(
            f"{train.rows} rows do not determine {len(train.features)} "
            "features: pass more rows, or `ridge` above 0 or 'auto'. "
            "Received: ridge=0"
        )
    return ridge, *train.solve(ridge, eugen.use_bias)


def _collect(eugen, pairs, split):
    found = []
    seen = 0
    for x, y in pairs():
        found.append(_as_rows(eugen, x, y, seen))
        seen += len(found[-1][0])
    x, y = (np.concatenate(part) for part in zip(*found, strict=True))
    return x, y, rows.held_out(0, seen, split)


class _Trainer(keras.Model):
    """Trains one layer without making it part of another model's graph."""

    def __init__(self, layer):
        super().__init__(name="fine_tuning")
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs)


def _fine_tune(eugen, x, y, epochs, learning_rate):
    trainable = eugen.trainable
    trainer = _Trainer(eugen)
    # A frozen layer is one not to be trained later.
    if not trainable:
        eugen.trainable = True
    trainer.compile(
        optimizer=keras.optimizers.Adam(learning_rate),
        loss=keras.losses.Huber(),
    )
    trainer.fit(x, y, epochs=epochs, batch_size=128, verbose=0)
    if not trainable:
        eugen.trainable = False


def _in_batches(layer, x, batch_size):
    parts = [
        ops.convert_to_numpy(layer(x[start : start + batch_size]))
        for start in range(0, len(x), batch_size)
    ]
    return np.concatenate(parts)
