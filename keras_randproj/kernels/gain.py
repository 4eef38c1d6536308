"""The factor of a projection, which P leaves out."""

import math


def split_gain(operand):
    """An operand's gain as a power of two and the rest.

    The power of two is close to `1/sqrt(input_dim)`. It goes on the input and
    the rest on the output: entries of P stay at unit variance, and half
    precision neither overflows in the sum nor loses a bit.
    """
    before = 2.0 ** -(math.floor(math.log2(operand.input_dim)) // 2)
    return before, operand.gain / before
