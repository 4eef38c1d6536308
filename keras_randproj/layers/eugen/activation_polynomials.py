"""The polynomial that stands in for an activation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from keras import activations
from keras import ops
from numpy.polynomial import chebyshev
from numpy.polynomial import hermite_e
from numpy.polynomial import legendre
from numpy.polynomial import polynomial

from keras_randproj._types import Identifier
from keras_randproj.arguments import non_negative_integer

# Quadrature of the normal distribution: Gauss-Legendre on panels, whose edges
# meet the kink that many activations have at zero.
REACH = 10.0
PANELS = 200
NODES = 10

# Keras evaluates activations in float32.
SAME = 1e-5


class PolynomialFit(NamedTuple):
    """A polynomial in place of an activation, and how far off it is.

    Args:
        coefficients: float64 array, lowest degree first.
        error: Root mean square error under the normal distribution, or the
            largest error on the interval.

    Example:

    >>> coefficients, error = activation_polynomials("relu", order=1)
    >>> coefficients.round(4)
    array([0.3989, 0.5   ])
    """

    coefficients: np.ndarray
    error: float


def activation_polynomials(
    activation: Identifier,
    order: int,
    scale: float = 1.0,
    interval: Sequence[float] | None = None,
) -> PolynomialFit:
    """Best polynomial of a degree for an activation.

    Under a normal distribution of the pre-activations, the fit is the
    projection onto Hermite polynomials, which is the least mean square
    error. On an interval, it is the Chebyshev interpolant, close to the least
    maximal error.

    Args:
        activation: Name or callable that works element by element.
        order: Non-negative integer, the degree.
        scale: Positive float, standard deviation of the pre-activations.
        interval: `None`, or `(low, high)` for the fit on an interval; `scale`
            is then not used.

    Returns:
        A `PolynomialFit`: `coefficients`, lowest degree first, and `error`.

    Raises:
        ValueError: If an argument is not as above, or the activation is not
            element-wise or not finite there: no polynomial is known for it.

    Example:

    >>> fit = activation_polynomials("relu", order=2)
    >>> fit.coefficients.round(4)
    array([0.1995, 0.5   , 0.1995])
    >>> round(fit.error, 4)
    0.1061
    """
    function = _elementwise(activation)
    order = non_negative_integer("order", order)
    if interval is not None:
        return _on_interval(function, order, *_bounds(interval))
    if not np.isfinite(scale) or scale <= 0:
        raise ValueError(
            f"`scale` must be positive and finite. Received: scale={scale}"
        )
    return _under_normal(function, order, float(scale))


def _under_normal(function, order, scale):
    z, weights = _normal_quadrature()
    values = function(scale * z)
    series = [
        np.sum(weights * values * basis) / np.sum(weights * basis**2)
        for basis in hermite_e.hermevander(z, order).T
    ]
    fitted = hermite_e.hermeval(z, series)
    error = np.sqrt(np.sum(weights * (values - fitted) ** 2))
    coefficients = hermite_e.herme2poly(series)
    coefficients = np.pad(coefficients, (0, order + 1 - len(coefficients)))
    return PolynomialFit(
        coefficients / scale ** np.arange(order + 1.0), float(error)
    )


def _normal_quadrature():
    edges = np.linspace(-REACH, REACH, PANELS + 1)
    nodes, weights = legendre.leggauss(NODES)
    half = (edges[1] - edges[0]) / 2
    z = (edges[:-1, None] + half * (1 + nodes)).ravel()
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return z, np.tile(half * weights, PANELS) * density


def _on_interval(function, order, low, high):
    middle, half = (low + high) / 2, (high - low) / 2
    series = chebyshev.chebinterpolate(
        lambda u: function(middle + half * u), order
    )
    inner = chebyshev.cheb2poly(series)
    line = np.array([-middle / half, 1 / half])
    coefficients = np.zeros(order + 1)
    power = np.ones(1)
    for c in inner:
        coefficients[: len(power)] += c * power
        power = polynomial.polymul(power, line)
    t = np.linspace(low, high, 4001)
    fitted = chebyshev.chebval((t - middle) / half, series)
    return PolynomialFit(
        coefficients, float(np.max(np.abs(function(t) - fitted)))
    )


def _bounds(interval):
    low, high = (float(bound) for bound in interval)
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            "`interval` must be (low, high) with low < high, both finite. "
            f"Received: interval={interval}"
        )
    return low, high


def _elementwise(activation):
    """The activation on float64 arrays, once it is known to be element-wise."""
    found = activations.get(activation)

    def function(t):
        values = found(ops.convert_to_tensor(t, "float32"))
        values = ops.convert_to_numpy(values).astype("float64")
        if values.shape != t.shape or not np.isfinite(values).all():
            raise _unknown(activation)
        return values

    probe = np.linspace(-3.0, 3.0, 7)
    try:
        whole, part = function(probe), function(probe[:3])
    except Exception as error:
        raise _unknown(activation) from error
    if not np.allclose(whole[:3], part, rtol=SAME, atol=SAME):
        raise _unknown(activation)
    return function


def _unknown(activation):
    return ValueError(
        "`activation` must work element by element and be finite: no "
        f"polynomial is known for this one. Received: activation={activation}"
    )
