"""A EUGen that leaves the activation to the teacher's own."""

from keras_randproj.layers import EUGenDense
from keras_randproj.transfer.low_rank import is_linear
from keras_randproj.transfer.rebuild import build_like
from keras_randproj.transfer.teacher import Teacher

# Rows of a linear pool for each input: more are hardly better.
POOL = 8


def before_activation(
    eugen: EUGenDense, teacher: Teacher, index: int
) -> EUGenDense | None:
    """A EUGen like another, that ends in the teacher's activation.

    In front of an activation one dense layer is linear, and so are the
    features in its place. Those of a block imitate the activation within it.

    Args:
        eugen: `EUGenDense` without output activation.
        teacher: `Teacher`.
        index: 1 where the index of a row is stored as well, else 0.

    Returns:
        A built `EUGenDense` of no more stored numbers; `None` where it would
        be no other.
    """
    features = eugen.features
    trained = features.trainable_projection or features.modulation
    if not teacher.layers or trained or not is_linear(eugen.activation):
        return None
    activation = teacher.activations[-1]
    config = eugen.get_config()
    config["activation"] = activation
    config["feature_activation"] = features.feature_activation
    if len(teacher.layers) == 1:
        if _linear(features) and is_linear(activation):
            return None
        inputs = features.input_spec.axes[-1]
        numbers = features.num_features * (index + features.order * eugen.units)
        config.update(
            num_features=min(numbers // (index + eugen.units), inputs),
            order=1,
            feature_activation=None,
            norm_feature=False,
            shift=None,
            rows=None,
        )
    elif is_linear(activation):
        return None
    new = EUGenDense.from_config(config)
    shape = (None, features.input_spec.axes[-1])
    build_like(new, eugen, {"input_shape": shape})
    new.trainable = eugen.trainable
    return new


def _linear(features):
    return is_linear(features.feature_activation) and (
        features.order == 1 and not features.norm_feature
    )


def pool_of(eugen: EUGenDense, pool: int | None) -> int | None:
    """How many rows such a EUGen chooses from, where others have `pool`."""
    if pool is None or not _linear(eugen.features):
        return pool
    inputs = eugen.features.input_spec.axes[-1]
    return max(eugen.features.num_features, min(pool, POOL * inputs))
