"""What a model achieves for each bit that it stores."""

import math
import numbers

import keras

from keras_randproj.report.summary import summary


def bit_efficiency(
    model: keras.Model, score: float, chance: float = 0.0
) -> float:
    """The score above chance, for each bit that a file has to hold.

        (score - chance) / (8 * bytes of the arrays written to a file)

    The definition is this package's own: the paper on PRP compares models by
    a "Bit Efficiency Score" whose formula we do not know. Every layer is
    counted by what it writes: Dense its kernel, a low-rank pair its two
    factors, a quantised layer its integers and their scales, our layers
    their vectors, seed and digest. The container's own bytes (HDF5, zip) are
    left out, and so is the optimizer.

    It compares models of about equal score. Across scores it favours the
    smaller model: a lone bit that beats chance would win.

    Args:
        model: A built `keras.Model` or layer.
        score: Number, higher is better, such as an accuracy.
        chance: Number, the score of a model that learned nothing, such as
            0.1 for ten equally frequent classes.

    Returns:
        Float; `report.summary(model)[-1].file` are the bytes.

    Raises:
        ValueError: If the model is not built or writes nothing, or a score
            is not a finite number.

    Example:

    >>> model = keras.Sequential([keras.Input((784,)), PRPDense(10)])
    >>> dense = keras.Sequential(
    ...     [keras.Input((784,)), keras.layers.Dense(10)])
    >>> bit_efficiency(model, 0.85) > 8 * bit_efficiency(dense, 0.92)
    True
    """
    for name, value in (("score", score), ("chance", chance)):
        valid = isinstance(value, numbers.Real) and math.isfinite(value)
        if not valid:
            raise ValueError(
                f"`{name}` must be a finite number. Received: {name}={value!r}"
            )
    stored = summary(model)[-1].file
    if not stored:
        raise ValueError(
            "`bit_efficiency` needs a model that has weights. "
            f"Received: model={model}"
        )
    return (score - chance) / (8 * stored)
