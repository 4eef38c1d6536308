"""Weights stored as value / multiplier, so that they learn faster.

An optimizer such as Adam moves every stored number by about its learning
rate. Stored as value / m, the value moves m times as far, while initializers,
regularizers and constraints still speak of the value.
"""

import keras


class _Scaled:
    """Common to the wrappers: what is wrapped, and the multiplier."""

    def __init__(self, wrapped, multiplier):
        self.wrapped = wrapped
        self.multiplier = multiplier


class ScaledInitializer(_Scaled, keras.initializers.Initializer):
    """Draws values and stores them divided by the multiplier."""

    def __call__(self, shape, dtype=None):
        return self.wrapped(shape, dtype=dtype) / self.multiplier


class ScaledRegularizer(_Scaled, keras.regularizers.Regularizer):
    """Penalises the values of stored numbers."""

    def __call__(self, stored):
        return self.wrapped(stored * self.multiplier)


class ScaledConstraint(_Scaled, keras.constraints.Constraint):
    """Constrains the values of stored numbers."""

    def __call__(self, stored):
        return self.wrapped(stored * self.multiplier) / self.multiplier


def add_scaled_weight(
    layer, size, multiplier, name, initializer, regularizer, constraint
):
    """A trainable vector that holds value / multiplier.

    A dtype policy does not cast it: `kernels.modulate` does, where needed.

    Args:
        layer: The layer that gets the weight.
        size: Integer, its length.
        multiplier: Positive float.
        name: String.
        initializer: Initializer of the values.
        regularizer: Regularizer of the values, or `None`.
        constraint: Constraint of the values, or `None`.

    Returns:
        The Keras variable; multiply it by `multiplier` to get the values.
    """
    return layer.add_weight(
        (size,),
        initializer=ScaledInitializer(initializer, multiplier),
        regularizer=regularizer and ScaledRegularizer(regularizer, multiplier),
        constraint=constraint and ScaledConstraint(constraint, multiplier),
        trainable=True,
        autocast=False,
        name=name,
    )
