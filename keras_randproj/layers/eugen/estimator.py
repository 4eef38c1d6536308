"""The unbiased polynomial estimator: a dense layer as a EUGen's head."""

import math

import numpy as np


def unbiased_head(features, kernel, bias, coefficients):
    """Head with which features estimate `f(x @ kernel + bias)` without bias.

    For `E[g g^T] = I` and independent g_j, the mean of the product of
    `(g_j . x)(g_j . w)` over j = 1..i is `(w . x)^i`. So block i of a unit
    with weights w takes the same products of w, times the coefficient of
    degree i and over the number of features. The bias is a shift of the
    polynomial. All constants stand in the head.

    Args:
        features: `EUGenFeatures` without norm or activation.
        kernel: float64 array `(input_dim, units)`.
        bias: float64 array `(units,)`.
        coefficients: float64 array of a polynomial f, lowest degree first,
            of degree `features.order` at most.

    Returns:
        float64 arrays `(order * num_features, units)` and `(units,)`.
    """
    input_dim = len(kernel)
    shifted = shift_polynomial(coefficients, bias)
    degrees = range(1, features.order + 1)
    missing = features.order + 1 - len(shifted)
    shifted = np.pad(shifted, ((0, missing), (0, 0)))
    factors = [m.T @ kernel for m in features.matrices(input_dim)]
    blocks = [
        block * shifted[i] * (float(input_dim) ** i / features.num_features)
        for i, block in zip(degrees, features.products(factors), strict=True)
    ]
    return np.concatenate(blocks), shifted[0]


def shift_polynomial(coefficients, bias):
    """Coefficients of `f(u + b)` in u, one column for each b.

    Args:
        coefficients: Sequence, lowest degree first.
        bias: Array `(units,)`.

    Returns:
        float64 array `(len(coefficients), units)`.
    """
    degree = len(coefficients)
    return np.stack(
        [
            sum(
                coefficients[i] * math.comb(i, j) * bias ** (i - j)
                for i in range(j, degree)
            )
            for j in range(degree)
        ]
    )
