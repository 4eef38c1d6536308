"""Which of the stages that follow each other share a kernel."""

from keras_randproj.kernels.operands import SignedHadamard
from keras_randproj.kernels.triton.settings import LARGEST_STAGES


def runs(operands):
    """Where each kernel begins and ends.

    Args:
        operands: The stages, a list of `kernels.operands`.

    Returns:
        List of `(start, stop)`.
    """
    if len(operands) == 1:
        return [(0, 1)]
    found: list[tuple[int, int]] = []
    for k, operand in enumerate(operands):
        if k and _joins(operands[k - 1], operand):
            found[-1] = found[-1][0], k + 1
        else:
            found.append((k, k + 1))
    return found


def _joins(one, following):
    """Whether all of a transform, in its order, is all of the next one's."""
    hadamard = isinstance(one, SignedHadamard)
    if not hadamard or not isinstance(following, SignedHadamard):
        return False
    if one.transposed != following.transposed:
        return False
    shape = groups, order = tuple(one.signs.shape)
    if groups > 1 or order > LARGEST_STAGES:
        return False
    if tuple(following.signs.shape) != shape:
        return False
    outer, inner = (following, one) if one.transposed else (one, following)
    return outer.positions is None and outer.cols == order == inner.rows
