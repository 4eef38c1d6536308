"""What helps to train these layers."""

from keras_randproj.training.learning_rate_range_test import (
    LearningRateRangeTest as LearningRateRangeTest,
)
