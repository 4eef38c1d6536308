"""What a base layer is known by: a digest of its weights."""

import hashlib

import numpy as np
from keras import ops

from keras_randproj.files.adapter_file import FINGERPRINT


def fingerprint(weights) -> bytes:
    """BLAKE2b-64 of weights: the same for equal numbers on every backend.

    Floating-point weights count as float32, so that a dtype that holds the
    same numbers is the same base; quantised ones as the integers they are.

    Args:
        weights: Variables of one layer.

    Returns:
        8 bytes.
    """
    hasher = hashlib.blake2b(digest_size=FINGERPRINT)
    for weight in sorted(weights, key=lambda weight: weight.name):
        floating = "float" in str(weight.dtype)
        value = ops.cast(weight, "float32") if floating else weight
        array = np.ascontiguousarray(ops.convert_to_numpy(value))
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        hasher.update(f"{weight.name} {array.dtype.str} {array.shape}".encode())
        hasher.update(array.tobytes())
    return hasher.digest()
