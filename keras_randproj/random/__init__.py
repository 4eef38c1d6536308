"""Where every random bit comes from."""

from keras_randproj.random.philox import derive_seed as derive_seed
from keras_randproj.random.philox import philox4x32 as philox4x32
