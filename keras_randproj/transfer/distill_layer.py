"""A EUGen from its teacher's inputs and outputs, in closed form."""

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import ops

from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import positive_integer
from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.fit import Options
from keras_randproj.transfer.fit import fit
from keras_randproj.transfer.spool import Spool
from keras_randproj.transfer.teacher import Teacher
from keras_randproj.transfer.teacher import dense_layers


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
    pool: int | None = None,
    neurons: bool = False,
    rivals: bool = True,
) -> DistillationReport:
    """Fits the head of a `EUGenDense` to a trained layer by least squares.

    No backpropagation: with the random features fixed, the best head solves
    linear equations, whose sums are gathered in float64 while the data
    streams by. With `epochs`, what the layer trains (its matrices too, with
    `trainable_projection=True`) is then fine-tuned with the Huber loss, which
    keeps the rows in memory.

    With `pool`, the features themselves are chosen: of the first `pool` rows
    of the seed's endless matrix those that take most off the error of all
    outputs, one after the other. A file holds their indices, 4 bytes each.
    The layer gets other weights: choose before it is part of a model.

    Args:
        eugen: `EUGenDense`, whose head is replaced. Where it has an output
            activation, that is the teacher's, and the head is fitted to what
            goes into it. Without one, features imitate the activation.
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
        pool: Integer, how many random features to choose from; `None` to
            take the first `num_features`. The family must be one whose
            outputs can be chosen, `"gaussian"` for instance.
        neurons: Boolean, with `pool`: whether trained neurons of the teacher
            and directions of the input, features without an activation,
            compete with random features, each for the numbers that it
            stores. `num_features` then is the budget: what so many random
            features cost. The teacher must be a `Dense` whose activation is
            `feature_activation`.
        rivals: Boolean, whether the report has the errors of the teacher's
            layers at a low rank and of its neurons, which are fitted to the
            same rows in further passes over them.

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

    options = Options(
        ridge=ridge,
        validation_split=validation_split,
        batch_size=batch_size,
        epochs=epochs,
        learning_rate=learning_rate,
        pool=pool,
        neurons=neurons,
        rivals=rivals,
        verbose=verbose,
    )
    check(eugen, options)
    # They are read again for the rivals and the fine-tuning.
    source = Spool()
    for x, y, weights in rows.batches(data, batch_size):
        source.append(_known(x), _known(_targets(teacher, x, y)), weights)

    def found():
        for x, y, weights in source:
            lead = x.shape[:-1]
            weights = rows.weights_of_rows(lead, weights)
            given = x.reshape(-1, x.shape[-1]), y.reshape(-1, y.shape[-1])
            yield *given, weights, None, weights

    # A teacher that was not built is by now.
    source_of_rows = Teacher(found, **dense_layers(teacher))
    report = fit(eugen, source_of_rows, options).report
    if verbose:
        print(report)
    return report


def check(eugen: EUGenDense, options: Options) -> None:
    """Refuses a layer or options that cannot be fitted.

    Raises:
        ValueError: If one is not as `distill_layer` says.
    """
    positive_integer("batch_size", options.batch_size)
    non_negative_integer("epochs", options.epochs)
    if options.pool is not None:
        positive_integer("pool", options.pool)
    elif options.neurons:
        raise ValueError("`neurons` needs a `pool`. Received: pool=None")
    if not isinstance(eugen, EUGenDense):
        raise ValueError(f"`eugen` must be a `EUGenDense`. Received: {eugen}")
    if eugen.head.quantization_mode is not None or eugen.head.lora_enabled:
        raise ValueError(
            f"`eugen` must have a plain head, which is replaced. Received: "
            f"quantization_mode={eugen.head.quantization_mode!r}, "
            f"lora_rank={eugen.head.lora_rank}"
        )
    ridge, split = options.ridge, options.validation_split
    if ridge != "auto" and not (np.isreal(ridge) and 0 <= ridge < np.inf):
        raise ValueError(
            "`ridge` must be 'auto' or a non-negative number. "
            f"Received: ridge={ridge!r}"
        )
    if not 0 <= split < 1:
        raise ValueError(
            "`validation_split` must be in [0, 1). "
            f"Received: validation_split={split}"
        )


def _known(array):
    """As float32 where NumPy itself does not know the type, as bfloat16."""
    return array.astype("float32") if array.dtype.kind == "V" else array


def _targets(teacher, x, y):
    if teacher is not None:
        return ops.convert_to_numpy(teacher(x))
    if y is None:
        raise ValueError(
            "`teacher` is None, so `data` must hold pairs of inputs and "
            "targets. Received inputs alone."
        )
    return y
