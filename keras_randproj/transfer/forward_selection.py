"""Which features to keep, chosen by what they take off all outputs' error."""

import numpy as np

# A feature of which less than this share is new is a copy of those chosen;
# products of float32 features are no more exact.
SMALLEST_SHARE = 1e-6
# Columns of the factor that there is room for at first.
START = 64


def forward_selection(
    gram: np.ndarray,
    cross: np.ndarray,
    budget: float,
    costs: np.ndarray | None = None,
    candidates: np.ndarray | None = None,
) -> list[int]:
    """Chooses features one by one, each the best beside those before it.

    The best is the one that takes most off the least-squares error of all
    targets together, for what it costs. It is a Cholesky factorisation of the
    Gram matrix in the order in which features are chosen, so that the time
    grows with their number and not with its cube.

    Args:
        gram: float64 array `(n, n)`, products of the features, their means
            taken off.
        cross: float64 array `(n, units)`, their products with the targets.
        budget: Number, what the chosen ones may cost together.
        costs: Array of what each candidate costs; `None` for 1.
        candidates: Integer array `(n,)`, the candidate that each feature
            belongs to; `None` for candidates of one feature each. Those of a
            candidate are chosen together, by the sum of what each would take
            off alone.

    Returns:
        List of candidates, in the order of their choice.
    """
    if candidates is None:
        candidates = np.arange(len(gram))
    if costs is None:
        costs = np.ones(candidates.max() + 1)
    factor = _Factor(gram, cross)
    left = float(budget)
    chosen: list[int] = []
    open_ = np.ones(len(costs), bool)
    while True:
        gains = np.bincount(candidates, factor.gains(), len(costs)) / costs
        gains[~open_ | (costs > left)] = 0
        best = int(np.argmax(gains))
        if gains[best] <= 0:
            return chosen
        chosen.append(best)
        open_[best] = False
        left -= costs[best]
        for feature in np.flatnonzero(candidates == best):
            factor.add(feature)


class _Factor:
    """The Cholesky factor of the features chosen so far."""

    def __init__(self, gram, cross):
        self.gram = gram
        self.cross = cross
        self.rank = 0
        self.factor = np.empty((len(gram), START))
        self.targets = np.empty((START, cross.shape[1]))
        self.size = np.diag(gram).copy()
        # What is left of each feature, and of its products with the targets.
        self.rest = self.size.copy()
        self.products = np.einsum("ij,ij->i", cross, cross)

    def gains(self):
        """What each feature would take off the squared error."""
        new = self.rest > SMALLEST_SHARE * self.size
        rest = np.where(new, self.rest, 1.0)
        return np.where(new, self.products / rest, 0.0)

    def add(self, feature):
        """Chooses a feature."""
        if self.rest[feature] <= SMALLEST_SHARE * self.size[feature]:
            return
        if self.rank == self.factor.shape[1]:
            self._grow()
        before = self.factor[:, : self.rank]
        pivot = np.sqrt(self.rest[feature])
        line = self.factor[feature, : self.rank].copy()
        column = (self.gram[:, feature] - before @ line) / pivot
        target = self.cross[feature] - line @ self.targets[: self.rank]
        target /= pivot
        inner = self.cross @ target
        inner -= before @ (self.targets[: self.rank] @ target)
        self.products += column * (column * (target @ target) - 2 * inner)
        np.maximum(self.products, 0, out=self.products)
        self.rest -= column**2
        self.factor[:, self.rank] = column
        self.targets[self.rank] = target
        self.rank += 1

    def _grow(self):
        self.factor = np.concatenate(
            [self.factor, np.empty_like(self.factor)], axis=1
        )
        self.targets = np.concatenate(
            [self.targets, np.empty_like(self.targets)]
        )
