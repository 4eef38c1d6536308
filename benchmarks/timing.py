"""Medians of alternating calls, so that noise falls on both sides alike."""

import gc
import statistics
import time


def compare(ours, baseline, repeats=15, warmup=2):
    """Median milliseconds of two callables that finish their work.

    Args:
        ours: Callable without arguments.
        baseline: Callable without arguments.
        repeats: Integer, timed calls of each.
        warmup: Integer, calls of each before that.

    Returns:
        Dict with `ours_ms`, `baseline_ms`, `ratio` (baseline over ours) and
        the quartiles of both.
    """
    for _ in range(warmup):
        ours()
        baseline()
    times: dict = {"ours": [], "baseline": []}
    gc.disable()
    for _ in range(repeats):
        times["ours"].append(_milliseconds(ours))
        times["baseline"].append(_milliseconds(baseline))
    gc.enable()
    result = {}
    for name, values in times.items():
        quartiles = statistics.quantiles(values, n=4)
        result[f"{name}_ms"] = statistics.median(values)
        result[f"{name}_quartiles_ms"] = [quartiles[0], quartiles[2]]
    result["ratio"] = result["baseline_ms"] / result["ours_ms"]
    return result


def median_ms(function, repeats=7):
    """Median milliseconds of one callable, after one call."""
    function()
    return statistics.median(_milliseconds(function) for _ in range(repeats))


def _milliseconds(function):
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)
