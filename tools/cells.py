"""Pieces of Markdown tables, and the results that they show."""

import json
import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("torch", "jax", "tensorflow")


class NotRun(Exception):
    """Names the tutorial whose results are not there yet."""


def benchmark(name):
    """What a file below benchmarks/results holds."""
    return json.loads((ROOT / "benchmarks/results" / name).read_text())


def tutorial(name):
    """What a file below tutorials/results holds.

    Raises:
        NotRun: If it is not there.
    """
    path = ROOT / "tutorials/results" / name
    if not path.exists():
        raise NotRun(f"tutorials/{path.stem}.py")
    return json.loads(path.read_text())


def picture(stem, name, words):
    """A picture that the tutorial of a name draws, for its page.

    Raises:
        NotRun: If it is not there.
    """
    if not (ROOT / "docs/images" / name).exists():
        raise NotRun(f"tutorials/{stem}.py")
    return f"![{words}](../images/{name})"


def head(*titles):
    """The first two lines of a table; all columns but the first are numbers."""
    return [row(*titles), row("---", *["---:"] * (len(titles) - 1))]


def row(*cells):
    """One line of a table."""
    return f"| {' | '.join(cells)} |"


def spread(values, digits=2):
    """Mean and standard deviation, as far as there are several."""
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.{digits}f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.{digits}f}"


def where(data):
    """Versions and machine of a tutorial's results."""
    versions = ", ".join(
        f"{name} {version}"
        for name, version in data["versions"].items()
        if name in ("keras", *BACKENDS)
    )
    return f"{versions}; {data['machine']}"
