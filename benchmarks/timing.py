"""Medians of calls in turns, so that noise falls on both sides alike."""

import gc
import statistics
import time

# A turn is one call that is not timed, as the other side's turn left the caches
# full of its own arrays, and so many that are; more where they are short, until
# so many milliseconds have passed: threads and caches need a while to settle.
TURN = 3
TURN_MS = 5.0
# A comparison ends after this many seconds once it has `FEWEST` turns.
SECONDS = 2.0
FEWEST = 2


def compare(ours, baseline, repeats=24, warmup=2):
    """Median milliseconds of two callables that finish their work.

    Args:
        ours: Callable without arguments.
        baseline: Callable without arguments.
        repeats: Integer, timed calls of each; fewer where they take long,
            more where they are short.
        warmup: Integer, calls of each before that.

    Returns:
        Dict with `ours_ms`, `baseline_ms`, `ratio` (baseline over ours), the
        quartiles of both and `repeats`.
    """
    for _ in range(warmup):
        ours()
        baseline()
    times: dict = {"ours": [], "baseline": []}
    gc.disable()
    stop = time.perf_counter() + SECONDS
    for turn in range(-(-repeats // TURN)):
        if turn >= FEWEST and time.perf_counter() > stop:
            break
        times["ours"] += _turn(ours)
        times["baseline"] += _turn(baseline)
    gc.enable()
    result: dict = {}
    for name, values in times.items():
        quartiles = statistics.quantiles(values, n=4)
        result[f"{name}_ms"] = statistics.median(values)
        result[f"{name}_quartiles_ms"] = [quartiles[0], quartiles[2]]
    result["ratio"] = result["baseline_ms"] / result["ours_ms"]
    result["repeats"] = len(times["ours"])
    return result


def median_ms(function, repeats=7):
    """Median milliseconds of one callable, after one call."""
    function()
    return statistics.median(_milliseconds(function) for _ in range(repeats))


def _turn(function):
    function()
    times: list = []
    while len(times) < TURN or sum(times) < TURN_MS:
        times.append(_milliseconds(function))
    return times


def _milliseconds(function):
    start = time.perf_counter()
    function()
    return 1000 * (time.perf_counter() - start)
