"""Least squares from sums, so that data of any length fits in memory."""

import numpy as np

# Relative ridges that "auto" tries, on features of unit variance.
RIDGES = (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

# Directions of less relative variance are rounding errors of float32 features.
RESOLUTION = 1e-11


# Columns whose products with all others are made at a time.
BLOCK = 2048


class NormalEquations:
    """Sums over rows of features, targets and their products, in float64.

    Args:
        num_features: Integer, columns of the features.
        units: Integer, columns of the targets.
        dtype: String, in which the rows of one `add` are multiplied.
    """

    def __init__(self, num_features, units, dtype="float64"):
        self.dtype = dtype
        self.rows = 0
        self.weight = 0.0
        self.features = np.zeros(num_features)
        self.targets = np.zeros(units)
        self.features_features = np.zeros((num_features, num_features))
        self.features_targets = np.zeros((num_features, units))
        self.square = 0.0

    def add(self, features, targets, weights=None):
        """Adds rows.

        Args:
            features: Array `(rows, num_features)`.
            targets: Array `(rows, units)`.
            weights: Array `(rows,)`, how much each row counts; `None` for 1.
        """
        features = features.astype(self.dtype, copy=False)
        targets = targets.astype(self.dtype, copy=False)
        if weights is None:
            weights = np.ones(len(features))
        self.rows += len(features)
        self.weight += float(weights.sum())
        self.features += weights @ features
        self.targets += weights @ targets
        # Of x * root with itself BLAS makes a half.
        root = np.sqrt(weights)[:, None].astype(self.dtype)
        features, targets = features * root, targets * root
        for start in range(0, features.shape[1], BLOCK):
            stop = start + BLOCK
            part = features[:, start:stop]
            self.features_features[start:stop, start:stop] += part.T @ part
            rest = part.T @ features[:, stop:]
            self.features_features[start:stop, stop:] += rest
            self.features_features[stop:, start:stop] += rest.T
        self.features_targets += features.T @ targets
        self.square += float(np.sum(targets**2))

    def centred(self, use_bias=True):
        """Means of products, those of the means taken off.

        Args:
            use_bias: Boolean; without one nothing is taken off.

        Returns:
            Products of features with each other and with the targets, and
            the means of features and targets.
        """
        mean_x = self.features / self.weight * bool(use_bias)
        mean_y = self.targets / self.weight * bool(use_bias)
        gram = self._mean_products()
        for start in range(0, len(gram), BLOCK):
            part = slice(start, start + BLOCK)
            gram[part] -= np.outer(mean_x[part], mean_x)
        cross = self.features_targets / self.weight - np.outer(mean_x, mean_y)
        return gram, cross, mean_x, mean_y

    def _mean_products(self):
        return self.features_features / self.weight

    def squared_error(self, kernel, bias):
        """Sum over all rows of `||features @ kernel + bias - targets||^2`."""
        linear = np.sum(kernel * (self.features_targets))
        quadratic = np.sum(kernel * (self.features_features @ kernel))
        shift = self.weight * bias @ bias - 2 * bias @ self.targets
        cross = 2 * bias @ (kernel.T @ self.features)
        total = quadratic - 2 * linear + shift + cross + self.square
        return max(float(total), 0.0)

    def solve(self, ridge, use_bias=True):
        """Head of least squares, with a penalty on the kernel.

        Args:
            ridge: Non-negative float, relative to the features' variance.
            use_bias: Boolean.

        Returns:
            float64 arrays `(num_features, units)` and `(units,)`.
        """
        gram, cross, mean_x, mean_y = self.centred(use_bias)
        kernel = scaled_solve(gram, cross, ridge)
        return kernel, mean_y - mean_x @ kernel


class SumsToChooseBy(NormalEquations):
    """Sums of many features, exact enough to choose some of them.

    Rows are multiplied in float32, which takes half the time, after the means
    of the first ones were taken off the features: those would be most of the
    sums, and so of their rounding errors. Weights of what was chosen are
    solved for on sums of its own, so `centred` can be called once.

    Args:
        num_features: Integer, columns of the features.
        units: Integer, columns of the targets.
        use_bias: Boolean; without one no means are taken off.
    """

    def __init__(self, num_features, units, use_bias=True):
        super().__init__(num_features, units, "float32")
        self.use_bias = use_bias
        self.pilot = None

    def add(self, features, targets, weights=None):
        if self.pilot is None:
            self.pilot = features.mean(axis=0) * bool(self.use_bias)
        super().add(features - self.pilot, targets, weights)

    def _mean_products(self):
        """They are handed over: of a large pool there is no room for two."""
        products = self.features_features
        self.features_features = np.zeros((0, 0))
        products /= self.weight
        return products


def scaled_solve(gram, cross, ridge):
    """`gram^-1 cross`, with a ridge relative to the diagonal of gram.

    Args:
        gram: float64 array `(n, n)`, symmetric.
        cross: float64 array `(n, units)`.
        ridge: Non-negative float.

    Returns:
        float64 array `(n, units)`.
    """
    size = np.sqrt(np.maximum(np.diag(gram), 0))
    inverse = np.divide(1.0, size, out=np.zeros_like(size), where=size > 0)
    gram = gram * inverse[:, None] * inverse
    solved = symmetric_solve(gram, cross * inverse[:, None], ridge)
    return solved * inverse[:, None]


def symmetric_solve(gram, cross, ridge):
    """`(gram + ridge I)^-1 cross`, or the pseudo-inverse where singular.

    Cholesky where it succeeds and is well conditioned, else the
    eigen-decomposition without the directions that carry nothing.

    Args:
        gram: float64 array `(n, n)`, symmetric, of unit diagonal.
        cross: float64 array `(n, units)`.
        ridge: Non-negative float.

    Returns:
        float64 array `(n, units)`.
    """
    if not len(gram):
        return cross
    damped = gram + ridge * np.eye(len(gram))
    try:
        lower = np.linalg.cholesky(damped)
        diagonal = np.diag(lower)
        if diagonal.min() ** 2 > RESOLUTION * diagonal.max() ** 2:
            half = np.linalg.solve(lower, cross)
            return np.linalg.solve(lower.T, half)
    except np.linalg.LinAlgError:
        pass
    values, vectors = np.linalg.eigh(damped)
    kept = values > RESOLUTION * max(values[-1], 0)
    vectors = vectors[:, kept]
    return vectors @ ((vectors.T @ cross) / values[kept, None])


def choose_ridge(train, held_out, use_bias):
    """The ridge of least error on held-out rows, and its head.

    Args:
        train: `NormalEquations` of the rows to solve on.
        held_out: `NormalEquations` of other rows.
        use_bias: Boolean.

    Returns:
        Ridge, kernel and bias.
    """
    enough = train.rows > len(train.features)
    fits = {}
    for ridge in RIDGES if enough else RIDGES[1:]:
        kernel, bias = train.solve(ridge, use_bias)
        error = held_out.squared_error(kernel, bias)
        fits[error] = ridge, kernel, bias
    return fits[min(fits)]
