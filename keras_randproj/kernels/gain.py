"""The factor `1/sqrt(input_dim)` of a projection, which P leaves out."""

import math


def split_gain(input_dim):
    """`1/sqrt(input_dim)` as a power of two and a rest in `(1/2, 1]`.

    The power of two goes on the input and the rest on the output: entries of
    P stay at unit variance, and half precision neither overflows in the sum
    nor loses a bit.
    """
    before = 2.0 ** -(math.floor(math.log2(input_dim)) // 2)
    return before, 1.0 / (math.sqrt(input_dim) * before)
