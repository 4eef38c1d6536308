"""Hypothesis: few examples and always the same; HYPOTHESIS_PROFILE for more."""

import os

import hypothesis
import keras

# On JAX every new shape is compiled.
FEW = 3 if keras.backend.backend() == "jax" else 6
SHARED = {"deadline": None, "database": None}
hypothesis.settings.register_profile(
    "few", max_examples=FEW, derandomize=True, **SHARED
)
hypothesis.settings.register_profile("many", max_examples=300, **SHARED)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "few"))
