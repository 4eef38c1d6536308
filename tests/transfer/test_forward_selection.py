"""The choice of features against trying each of them."""

import numpy as np
import pytest

from keras_randproj.transfer.forward_selection import forward_selection


def error(features, targets):
    """Squared error of least squares, by NumPy."""
    if not features.shape[1]:
        return np.sum(targets**2)
    best = np.linalg.lstsq(features, targets, rcond=None)[0]
    return np.sum((features @ best - targets) ** 2)


def brute_force(features, targets, budget, costs, candidates):
    """Tries every candidate at every step."""
    chosen, taken = [], []
    while True:
        gains = {}
        for k, cost in enumerate(costs):
            if k not in chosen and cost <= budget:
                own = np.flatnonzero(candidates == k)
                now = error(features[:, taken], targets)
                gains[k] = sum(
                    now - error(features[:, [*taken, j]], targets) for j in own
                )
                gains[k] /= cost
        if not gains:
            return chosen
        best = max(gains, key=gains.get)
        chosen.append(best)
        taken += list(np.flatnonzero(candidates == best))
        budget -= costs[best]


@pytest.fixture
def problem(rng):
    features = rng.normal(size=(200, 24)) @ rng.normal(size=(24, 24))
    hidden = np.tanh(features @ rng.normal(size=(24, 6)) / 10)
    targets = hidden @ rng.normal(size=(6, 5))
    return features - features.mean(0), targets - targets.mean(0)


@pytest.mark.parametrize("case", ["alone", "costs", "groups"])
def test_each_choice_is_the_best_one(case, problem):
    features, targets = problem
    candidates, costs, budget = np.arange(24), np.ones(24), 10
    if case == "costs":
        costs = np.where(candidates < 12, 2.0, 1.0)
    if case == "groups":
        candidates = np.arange(24) % 12
        costs = np.where(np.arange(12) < 6, 1.5, 1.0)
        budget = 6.2
    found = forward_selection(
        features.T @ features, features.T @ targets, budget, costs, candidates
    )
    assert found == brute_force(features, targets, budget, costs, candidates)
    assert sum(costs[found]) <= budget


def test_more_than_there_is_room_for_at_first(rng):
    """Against a plain loop, with the targets' residual kept whole."""
    features = rng.normal(size=(400, 150))
    targets = rng.normal(size=(400, 3))
    rest, left, wanted = features.copy(), targets.copy(), []
    for _ in range(100):
        sizes = np.sum(rest**2, axis=0)
        sizes[wanted] = np.inf
        best = int(np.argmax(np.sum((rest.T @ left) ** 2, axis=1) / sizes))
        wanted.append(best)
        unit = rest[:, best] / np.linalg.norm(rest[:, best])
        rest -= np.outer(unit, unit @ rest)
        left -= np.outer(unit, unit @ left)
    found = forward_selection(
        features.T @ features, features.T @ targets, budget=100
    )
    assert found == wanted


def test_copies_are_not_chosen(rng):
    features = rng.normal(size=(50, 4))
    features = np.concatenate([features, features, 0 * features], axis=1)
    targets = features[:, :4] @ rng.normal(size=(4, 2))
    found = forward_selection(
        features.T @ features, features.T @ targets, budget=12
    )
    assert sorted(k % 4 for k in found) == [0, 1, 2, 3]
    assert all(k < 8 for k in found)
