"""Features of a EUGen whose directions are trained."""

import keras


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenNeurons(keras.layers.Dense):
    """`keras.layers.Dense` that a conversion takes for no layer of the model.

    Args:
        units: Positive integer.
        **kwargs: Further arguments of `keras.layers.Dense`.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.
    """
