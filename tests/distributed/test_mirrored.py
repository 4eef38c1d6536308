"""tf.distribute.MirroredStrategy on two virtual devices (TensorFlow)."""

import keras
import models
import numpy as np
import pytest

if keras.backend.backend() != "tensorflow":
    pytest.skip("tf.distribute is for TensorFlow", allow_module_level=True)

import tensorflow as tf

MAKERS = (models.mlp, models.transformer)


class Counting(tf.distribute.ReductionToOneDevice):
    """Sums as its base does, and notes how many numbers a trace sums."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def batch_reduce_implementation(self, reduce_op, pairs, options):
        for value, _ in pairs:
            self.sizes.append(int(np.prod(value.values[0].shape)))
        return super().batch_reduce_implementation(reduce_op, pairs, options)


@pytest.fixture(scope="module", params=MAKERS, ids=lambda make: make.__name__)
def both(request):
    """Losses on one device and on two, the latter's model, what it summed."""
    _, alone = models.losses(request.param)
    counting = Counting()
    strategy = tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], cross_device_ops=counting
    )
    with strategy.scope():
        model, losses = models.losses(request.param)
    return alone, losses, model, counting.sizes


def test_two_devices_give_the_losses_of_one(both):
    alone, losses, _, _ = both
    np.testing.assert_allclose(losses, alone, rtol=2e-5)


def test_every_replica_has_the_matrices_of_the_seed(both):
    for projection in models.built_projections(both[2]):
        for weight, initializer in models.fresh_weights(projection):
            expected = models.fingerprint(initializer.like(weight))
            copies = weight.value.values
            assert len(copies) == 2
            for copy in copies:
                assert models.fingerprint(copy) == expected


def test_only_gradients_of_trained_numbers_are_summed(both):
    _, _, model, sizes = both
    trained = [int(np.prod(v.shape)) for v in model.trainable_variables]
    assert sorted(sizes) == sorted(trained)
