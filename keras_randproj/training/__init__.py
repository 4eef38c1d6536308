"""What helps to train these layers."""

from keras_randproj.training.atomic_checkpoint import (
    AtomicCheckpoint as AtomicCheckpoint,
)
from keras_randproj.training.learning_rate_range_test import (
    LearningRateRangeTest as LearningRateRangeTest,
)

__all__ = [
    "AtomicCheckpoint",
    "LearningRateRangeTest",
]
