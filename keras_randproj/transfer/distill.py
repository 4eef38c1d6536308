"""A whole model distilled layer by layer."""

from typing import Any
from typing import NamedTuple

import keras

from keras_randproj.arguments import one_of
from keras_randproj.transfer.conversion import conversion
from keras_randproj.transfer.distill_layer import check
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.fit import Fitted
from keras_randproj.transfer.fit import Options
from keras_randproj.transfer.fit import fit
from keras_randproj.transfer.fit_prp import can_fit
from keras_randproj.transfer.fit_prp import fit_prp
from keras_randproj.transfer.recorded import Recorded
from keras_randproj.transfer.rules import Rules

METHODS = ("eugen", "neurons", "low_rank", "best")


class Distillation(NamedTuple):
    """A distilled model and how well each layer was fitted.

    Args:
        model: The new model.
        reports: List of `DistillationReport`, in the order of the layers.

    Example:

    >>> teacher = keras.Sequential(
    ...     [keras.Input((16,)), keras.layers.Dense(8, "relu", name="hidden")])
    >>> x = np.random.default_rng(0).normal(size=(256, 16))
    >>> rules = {"hidden": to_eugen(num_features=8)}
    >>> student, reports = distill(teacher, x, rules, verbose=0)
    >>> reports[0].error < reports[0].mean_error
    True
    """

    model: Any
    reports: list[DistillationReport]


def distill(
    model: keras.Model,
    data: Any,
    replace: Any,
    inputs: str = "student",
    ridge: float | str = "auto",
    validation_split: float = 0.1,
    batch_size: int = 1024,
    epochs: int = 0,
    learning_rate: float = 1e-3,
    verbose: int | str = 1,
    pool: int | None = None,
    neurons: bool = False,
    method: str = "eugen",
    keep_activation: bool | str = False,
    rivals: bool = True,
) -> Distillation:
    """Replaces layers of a trained model and fits them in closed form.

    Layers are fitted in the order in which they run. The targets are always
    the teacher's outputs; no labels are used and nothing is trained by
    backpropagation, unless `epochs` asks for it. The teacher runs once on
    the data, and the student once for each layer. Rows that a mask of Keras
    hides, or that weigh nothing, have no part. Where an output, or the sum
    that it goes into, goes into a `LayerNormalization` or
    `RMSNormalization`, and into no other sum or `Dense`, a row counts by the
    inverse of the variance that this divides by, and errors are what is seen
    behind it.

    Args:
        model: The trained model, the teacher; it is left as it is.
        data: Inputs of the model: an array, a dict of arrays, a list of
            arrays for a model with so many inputs, or an iterable of batches
            (a list, a generator, `tf.data`, a torch `DataLoader`, ...), each
            of them inputs, `(inputs, targets)` or `(inputs, targets,
            weights)`. Targets are not used. Weights of shape `(batch,)` or
            `(batch, time)` say how much rows count, such as 0 for padding
            that no mask hides. Batches of a generator are kept.
        replace: Rules, see `convert`; and `feed_forwards(...)`.
        inputs: `"student"`: a layer is fitted on what the part distilled so
            far gives it, and so corrects its errors; where its output goes
            into a `keras.layers.Add`, also those of the other summand.
            `"teacher"`: on what the teacher's own layers give it.
        ridge: See `distill_layer`, as all that follow.
        validation_split: As there.
        batch_size: As there.
        epochs: As there.
        learning_rate: As there.
        verbose: 0 or 1.
        pool: As there.
        neurons: As there; of a feed-forward block those between its layers.
        method: What takes the place of a layer: `"eugen"`; its rivals of as
            many stored numbers, as plain dense layers, `"low_rank"` and
            `"neurons"` (with `pool`, the best of the teacher's own); or
            `"best"`, for each layer the one of least error on held-out rows.
        keep_activation: Whether a EUGen ends in the activation of the layer
            that it replaces. Its features, chosen random rows and directions
            of no activation, then stand for the linear part of a dense layer,
            whatever the rule says of them; of a feed-forward block they are
            as it says. `"auto"` tries both and keeps what has the smaller
            error on held-out rows. Such a layer cannot be merged with the
            next one by `merge`.
        rivals: As there.

    Returns:
        A `Distillation`: `model` and `reports`.

    Raises:
        ValueError: If an argument is not as above, or see `convert` and
            `distill_layer`.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((16,)), keras.layers.Dense(32, "relu", name="hidden"),
    ...      keras.layers.Dense(4)])
    >>> x = np.random.default_rng(0).normal(size=(2000, 16))
    >>> rules = {"hidden": to_eugen(num_features=32)}
    >>> student, reports = distill(model, x, rules, verbose=0)
    >>> reports[0].error < reports[0].mean_error
    True
    """
    one_of("inputs", inputs, ("student", "teacher"))
    one_of("method", method, METHODS)
    if not isinstance(keep_activation, bool):
        one_of("keep_activation", keep_activation, ("auto",))
    options = Options(
        ridge=ridge,
        validation_split=validation_split,
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=learning_rate,
        pool=pool,
        neurons=neurons,
        rivals=rivals,
        method=method,
        keep_activation=keep_activation,
        verbose=verbose,
    )
    rules = Rules(replace)
    found = Recorded(model, rules, data, batch_size, inputs == "student")
    reports = []
    for item in found.items:
        teacher = found.teacher_of(item)
        if can_fit(item.new):
            fitted = Fitted(item.new, fit_prp(item.new, teacher, options))
        else:
            check(item.new, options)
            fitted = fit(item.new, teacher, options)
        reports.append(fitted.report)
        if verbose:
            print(fitted.report)
        found.put(item, fitted.layer)
    done = conversion(model, rules, verbose=verbose, made=found.made)
    return Distillation(done.model, reports)
