"""Tables of the benchmark suite, and its targets."""

import json
import math
import statistics

from cells import BACKENDS
from cells import ROOT
from cells import NotRun
from cells import head
from cells import row

RESULTS = ROOT / "benchmarks/results"
QUESTIONS = (
    "generation",
    "inference",
    "training",
    "memory",
    "seeded",
    "loading",
    "sketching",
    "splits",
    "few_outputs",
    "attention",
)
# What is asked for: question, d, batch, and the least ratio.
TARGETS = [
    ("inference, hadamard", 4096, 256, 15),
    ("predict_on_batch, 3 x hadamard", 4096, 256, 12),
    ("inference, hadamard", 4096, 1, 30),
    ("inference, hadamard", 8192, 1, 60),
    ("inference ahead of time, hadamard", 4096, 1, 30),
    ("inference ahead of time, hadamard", 8192, 1, 60),
    ("training step, 3 x hadamard", 4096, 256, 10),
    ("inference, hadamard", 1024, 256, 5),
    ("inference ahead of time, hadamard", 1024, 256, 5),
    ("training step, 1 x hadamard", 1024, 256, 3),
    ("training step, 3 x hadamard", 1024, 256, 3),
    ("training step, 1 x gaussian", 2048, 256, 1.4),
    ("training step, 1 x gaussian", 4096, 256, 1.4),
    ("training step, 3 x gaussian", 2048, 256, 1.4),
    ("training step, 3 x gaussian", 4096, 256, 1.4),
    ("inference, gaussian", 2048, 256, 0.95),
    ("inference, gaussian", 4096, 256, 0.95),
    ("peak memory of training, 3 x hadamard", 4096, 256, 15),
    ("peak memory of training, 3 x gaussian", 4096, 256, 3),
    ('forward and backward, storage="seed"', 65536, 3, 8),
    ("inference, hadamard, beside a copy", 4096, 256, 0.1),
    ("inference, hadamard, beside a copy beyond the cache", 4096, 256, 0.1),
    ("transform to 512, hadamard", 16384, 1000, 3),
]
# Where several baselines answer a question, the one that a target is about.
BASELINES = (
    "keras.layers.Dense",
    "memory copy",
    "P itself",
    "sklearn SparseRandomProjection",
)


def cases(question):
    """Rows of a question by (question, d, batch, baseline) and backend.

    Where a backend ran several times, the medians over its runs.
    """
    found: dict = {}
    for one in _data(question)["rows"]:
        key = one["question"], one["d"], one["batch"], one["baseline"]
        by_backend = found.setdefault(key, {})
        by_backend.setdefault(one["backend"], []).append(one)
    return {
        key: {backend: _median(rows) for backend, rows in by_backend.items()}
        for key, by_backend in found.items()
    }


def _median(rows):
    result = dict(rows[0])
    for key in ("ratio", "ours_ms", "over_bound"):
        if result.get(key) is not None:
            result[key] = statistics.median(r[key] for r in rows)
    return result


def table(question):
    """A row a case, a column a backend, with the source below."""
    lines = head(f"{question}, times better", "d", "batch", *BACKENDS)
    for (name, d, batch, baseline), rows in cases(question).items():
        label = name.removeprefix(f"{question}, ")
        if baseline != "keras.layers.Dense":
            label += f" ({baseline})"
        lines.append(
            row(label, f"{d:,}", f"{batch:,}", *map(_ratio, _by_backend(rows)))
        )
    return [*lines, "", _source(question)]


def _source(question):
    runs = _data(question)["runs"]
    names = []
    for backend in BACKENDS:
        ours = [r for r in runs if r["backend"] == backend]
        if ours:
            count = f" ({len(ours)} runs)" if len(ours) > 1 else ""
            names.append(f"{backend} {ours[0]['versions'][backend]}{count}")
    return (
        f"`python -m benchmarks --only {question}`, medians, float32, "
        f"{runs[-1]['date']}; {', '.join(names)}; {runs[0]['device']}."
    )


def roofline():
    """Milliseconds of the Hadamard layer, and over `report.cost`'s bound."""
    lines = head("hadamard, ms (times the roofline's)", "d", "batch", *BACKENDS)
    for (name, d, batch, _), rows in cases("inference").items():
        if name == "inference, hadamard" and all(
            "over_bound" in r for r in rows.values()
        ):
            cells = [
                f"{r['ours_ms']:.2f} ({r['over_bound']:.1f})" if r else "-"
                for r in _by_backend(rows)
            ]
            lines.append(row("inference", f"{d:,}", f"{batch:,}", *cells))
    return lines


def targets():
    """Each target with what was measured on each backend."""
    lines = head("target", "d", "batch", "at least", *BACKENDS)
    every = {}
    for question in QUESTIONS:
        if (RESULTS / f"suite_{question}.json").exists():
            every.update(cases(question))
    for name, d, batch, least in TARGETS:
        rows = next(
            (
                every[name, d, batch, b]
                for b in BASELINES
                if (name, d, batch, b) in every
            ),
            {},
        )
        cells = [
            f"{_ratio(r)} {'met' if r['ratio'] >= least else 'missed'}"
            if r
            else "not measured"
            for r in _by_backend(rows)
        ]
        lines.append(row(name, f"{d:,}", f"{batch:,}", f"{least:g}x", *cells))
    return lines


def summary():
    """The rows that the README shows."""
    wanted = [
        key
        for question in ("inference", "training")
        for key in cases(question)
        if key[3] == "keras.layers.Dense"
        and (key[1], key[2])
        in {(1024, 256), (2048, 256), (4096, 256), (4096, 1)}
        and "predict" not in key[0]
    ]
    lines = head(
        "times faster than `keras.layers.Dense`", "d", "batch", *BACKENDS
    )
    every = {**cases("inference"), **cases("training")}
    for key in wanted:
        cells = map(_ratio, _by_backend(every[key]))
        lines.append(row(key[0], f"{key[1]:,}", f"{key[2]:,}", *cells))
    return [*lines, "", *table("training")[-1:]]


def _data(question):
    path = RESULTS / f"suite_{question}.json"
    if not path.exists():
        raise NotRun(f"-m benchmarks --only {question}")
    return json.loads(path.read_text())


def _by_backend(rows):
    return [rows.get(backend) for backend in BACKENDS]


def _ratio(found):
    if found is None:
        return "not measured"
    ratio = found["ratio"]
    # Downwards, so that no missed target looks met.
    digits = 1 if ratio >= 10 else 2
    return f"{math.floor(ratio * 10**digits) / 10**digits:.{digits}f}x"
