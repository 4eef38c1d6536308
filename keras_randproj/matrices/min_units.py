"""How many outputs keep all distances."""

import math

from keras_randproj.arguments import positive_integer


def min_units(n_samples: int, eps: float = 0.1) -> int:
    """Units with which a random projection keeps pairwise distances.

    By the lemma of Johnson and Lindenstrauss, some projection of `n_samples`
    points onto `min_units(n_samples, eps)` directions changes no squared
    distance by more than a factor `1 - eps` to `1 + eps`, and a random one
    does so with good probability. The number does not depend on the input's
    dimension. It is a sufficient number, often far above what works.

    Args:
        n_samples: Positive integer, the number of points.
        eps: Float in `(0, 1)`, the distortion.

    Returns:
        Integer, `4 log(n_samples) / (eps**2 / 2 - eps**3 / 3)` rounded up, 1
        at least.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Dasgupta and Gupta, "An elementary proof of the Johnson-Lindenstrauss
        Lemma", 1999.

    Example:

    >>> min_units(60_000, eps=0.3)
    1223
    """
    n_samples = positive_integer("n_samples", n_samples)
    valid = isinstance(eps, float) and 0 < eps < 1
    if not valid:
        raise ValueError(
            f"`eps` must be a float between 0 and 1. Received: eps={eps!r}"
        )
    units = 4 * math.log(n_samples) / (eps**2 / 2 - eps**3 / 3)
    return max(1, math.ceil(units))
