"""A whole model distilled layer by layer."""

import contextlib
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_randproj.arguments import one_of
from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.conversion import conversion
from keras_randproj.transfer.dense_view import dense_view
from keras_randproj.transfer.distill_layer import distill_pairs
from keras_randproj.transfer.distillation_report import DistillationReport


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
) -> Distillation:
    """Replaces layers of a trained model and fits them in closed form.

    Layers are fitted in the order in which they run. The targets are always
    the teacher's outputs; no labels are used and nothing is trained by
    backpropagation, unless `epochs` asks for it.

    Args:
        model: The trained model, the teacher; it is left as it is.
        data: Inputs of the model: an array, a dict or list of arrays, or an
            iterable of batches (`tf.data`, a torch `DataLoader`, ...). It is
            read once a layer, so that a generator serves one layer only.
        replace: Rules, see `convert`.
        inputs: `"student"`: a layer is fitted on what the part distilled so
            far gives it, and so corrects its errors. `"teacher"`: on what
            the teacher's own layers give it.
        ridge: See `distill_layer`, as all that follow.
        validation_split: As there.
        batch_size: As there.
        epochs: As there.
        learning_rate: As there.
        verbose: 0 or 1.

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
    done = conversion(model, replace, verbose=verbose)
    items = [r for r in done.replaced if isinstance(r.new, EUGenDense)]
    if rows.is_one_shot(data) and (len(items) > 1 or epochs):
        raise ValueError(
            f"The data is read {len(items)} times or more, and a generator "
            "can be read only once. Pass arrays or a re-iterable data set. "
            f"Received: data={data}"
        )
    reports = []
    for item in _in_order(model, items, data, batch_size):
        reports.append(
            distill_pairs(
                item.new,
                dense_view(item.old)[0],
                _Pairs(model, done.model, item, data, inputs, batch_size),
                ridge=ridge,
                validation_split=validation_split,
                batch_size=batch_size,
                epochs=epochs,
                learning_rate=learning_rate,
                verbose=verbose,
            )
        )
    return Distillation(done.model, reports)


def _in_order(model, items, data, batch_size):
    """The replacements in the order in which the teacher runs them."""
    if len(items) < 2:
        return items
    order: list[Any] = []
    for x, _ in rows.batches(data, batch_size):
        with contextlib.ExitStack() as stack:
            for item in items:
                watch = _Recording(item.old, started=order)
                stack.enter_context(watch)
            model(x, training=False)
        break
    rank = {id(layer): k for k, layer in reversed(list(enumerate(order)))}
    return sorted(items, key=lambda item: rank.get(id(item.old), len(order)))


class _Pairs:
    """What goes into a student's layer and should come out of it."""

    def __init__(self, teacher, student, item, data, inputs, batch_size):
        self.teacher = teacher
        self.student = student
        self.item = item
        self.data = data
        self.inputs = inputs
        self.batch_size = batch_size

    def __call__(self):
        for x, _ in rows.batches(self.data, self.batch_size):
            with _Recording(self.item.old) as teacher:
                self.teacher(x, training=False)
            source, outputs = teacher.inputs, teacher.outputs
            if self.inputs == "student":
                with _Recording(self.item.new) as student:
                    self.student(x, training=False)
                source = student.inputs
            for given, wanted in zip(source, outputs, strict=True):
                yield given.reshape(-1, self.input_dim), wanted

    @property
    def input_dim(self):
        return self.item.new.features.input_spec.axes[-1]


class _Recording:
    """Notes what a layer is given and gives, while the context is open."""

    def __init__(self, layer, started=None):
        self.layer = layer
        self.started = started
        self.inputs = []
        self.outputs = []

    def __enter__(self):
        call = self.layer.call

        def recorded(inputs, *args, **kwargs):
            outputs = call(inputs, *args, **kwargs)
            if self.started is not None:
                self.started.append(self.layer)
                return outputs
            self.inputs.append(_to_numpy(inputs, self.layer))
            self.outputs.append(_to_numpy(outputs, self.layer))
            return outputs

        self.layer.call = recorded
        return self

    def __exit__(self, *exception):
        del self.layer.call


def _to_numpy(tensor, layer):
    try:
        return np.asarray(ops.convert_to_numpy(tensor), "float32")
    except Exception as error:
        raise ValueError(
            f"Layer '{layer.path}' runs inside a compiled function, where its "
            "inputs cannot be recorded. Make the model run eagerly, or use "
            "`distill_layer` on recorded arrays."
        ) from error
