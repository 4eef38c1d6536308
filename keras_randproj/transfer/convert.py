"""A model with some dense layers replaced by random ones."""

from typing import Any

import keras

from keras_randproj.transfer.conversion import conversion
from keras_randproj.transfer.distill import distill


def convert(
    model: keras.Model,
    rules: Any,
    data: Any = None,
    verbose: int | str = 1,
    **options: Any,
) -> keras.Model:
    """A new model of the same kind with chosen dense layers replaced.

    The model itself is left as it is. Layers keep their names, all others
    their weights; the optimizer's state is not copied. What is frozen stays
    frozen, and a layer is as trainable as the one that it replaces: thaw it
    (`layer.trainable = True`) to train it. With `data`, every
    `EUGenDense` is then distilled from the layer it replaces (see `distill`),
    and without it starts as its rule says.

    A model whose class makes its layers itself (a subclassed model, a layer
    that holds dense layers) cannot say in its config what was replaced: save
    its weights, and load them into a model converted by the same rules.

    Args:
        model: A built Sequential, Functional or subclassed model; nested
            models and shared layers are followed.
        rules: Dict or list of pairs. Left, what is replaced: a pattern of
            paths (`"*/feedforward_*"`), a layer class, or a function of a
            layer. Right, by what: `to_eugen(...)`, `to_prp(...)` (which also
            takes `keras.layers.MultiHeadAttention`), or a function from a
            Dense layer to a layer, or to `None`. The first that fits counts,
            and each must fit something: one that does not is misspelt, or
            stands behind a rule that takes all its layers.
        data: `None`, or calibration data, see `distill`.
        verbose: 0 for silence, 1 to print what was replaced and skipped.
        **options: Further arguments of `distill`, with `data`.

    Returns:
        The new model.

    Raises:
        ValueError: If the model is not built, a rule is malformed or fits no
            layer, no layer can be replaced, or a layer cannot be copied.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((16,)), keras.layers.Dense(32, "relu", name="hidden"),
    ...      keras.layers.Dense(4)])
    >>> rules = {"hidden": to_eugen(num_features=8)}
    >>> convert(model, rules, verbose=0).get_layer("hidden").units
    32
    """
    if data is not None:
        return distill(model, data, rules, verbose=verbose, **options).model
    if options:
        raise ValueError(
            "Options of `distill` need `data`. "
            f"Received: data=None, {sorted(options)}"
        )
    return conversion(model, rules, verbose=verbose).model
