"""Which backend reads what another one wrote, where all pairs take too long."""

import keras

# In a ring: each writes, and each reads.
READERS = {"torch": "jax", "jax": "tensorflow", "tensorflow": "torch"}
READER = READERS[keras.backend.backend()]
