"""Folds the linear layer that follows a EUGen into its head."""

from typing import Any

import keras

from keras_randproj.layers import EUGenDense
from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.transfer.low_rank import is_linear


def merge(eugen: EUGenDense, *following: Any) -> keras.layers.Layer:
    """One layer for a EUGen and the dense layer that follows it.

    The head and the following kernel become one product from the features to
    the outputs, which is where most of the saving of a EUGen comes from: a
    feed-forward block d -> 4d -> d costs `2 * d * num_features`.

    Args:
        eugen: A built `EUGenDense` without output activation.
        *following: The layers that follow it up to a built `Dense`, in their
            order. `Dropout` and `Identity` may stand between; they do nothing
            at inference. The Dense layer's activation becomes the output's.

    Returns:
        A built `EUGenDense` of the same seed and features.

    Raises:
        ValueError: If anything that is not linear stands between.

    Example:

    >>> eugen = EUGenDense(3072, num_features=64, seed=7)
    >>> x = keras.ops.ones((2, 768))
    >>> dense = keras.layers.Dense(768)
    >>> _ = dense(eugen(x))
    >>> merge(eugen, dense).count_params() < eugen.count_params()
    True
    """
    _check(eugen, following)
    dense = following[-1]
    config = eugen.get_config()
    config.update(
        units=dense.units,
        use_bias=eugen.use_bias or dense.use_bias,
        activation=keras.activations.serialize(dense.activation),
        kernel_constraint=None,
        bias_constraint=None,
    )
    merged = EUGenDense.from_config(config)
    merged.build((None, eugen.features.input_spec.axes[-1]))
    merged.features.set_weights(eugen.features.get_weights())
    kernel, bias = kernel_and_bias(eugen)
    next_kernel, next_bias = kernel_and_bias(dense)
    merged.kernel.assign(kernel @ next_kernel)
    if merged.bias is not None:
        merged.bias.assign(bias @ next_kernel + next_bias)
    return merged


def _check(eugen, following):
    if not isinstance(eugen, EUGenDense) or not eugen.built:
        raise ValueError(
            f"`eugen` must be a built `EUGenDense`. Received: {eugen}"
        )
    if not is_linear(eugen.activation):
        raise ValueError(
            f"'{eugen.name}' cannot be merged: its output activation is not "
            f"linear. Received: activation={eugen.activation}"
        )
    if not following or not isinstance(following[-1], keras.layers.Dense):
        raise ValueError(
            "The last of the following layers must be a `Dense`. "
            f"Received: following={following}"
        )
    for layer in following[:-1]:
        if not isinstance(layer, (keras.layers.Dropout, keras.layers.Identity)):
            raise ValueError(
                f"'{eugen.name}' cannot be merged with '{following[-1].name}':"
                f" '{layer.name}' ({type(layer).__name__}) between them is "
                "not known to be linear."
            )
    dense = following[-1]
    if not dense.built or dense.kernel.shape[0] != eugen.units:
        raise ValueError(
            f"'{dense.name}' must be built for the {eugen.units} outputs of "
            f"'{eugen.name}'. Received: built={dense.built}"
        )
