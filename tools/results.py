"""Writes the tables of README and docs from the committed results.

`python tools/results.py` fills README and the pages, and `--check` fails where
one is not up to date.

A table is a block of cog on its page: it names a results file and says what
the columns hold, with the names that are defined or imported here. The form of
a results file is that of `experiments/results_file.py`.
"""

import collections
import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from cogapp import Cog

from keras_randproj import _install

ROOT = Path(__file__).resolve().parent.parent
BACKENDS = ("torch", "jax", "tensorflow")
EACH = {backend: f"{{{backend}}}" for backend in BACKENDS}
CASE = ["question", "d", "batch", "baseline"]
OPTIONS = ["-P", "-p", "from results import *"]


class Results:
    """A results file, such as "benchmarks/training": `rows` is a data frame."""

    def __init__(self, name):
        folder, _, stem = name.rpartition("/")
        path = ROOT / folder / "results" / f"{stem}.json"
        found = json.loads(path.read_text())
        self.what, self.where = found["what"], found["where"]
        self.settings = found["settings"]
        self.rows = pd.DataFrame(found["rows"]).convert_dtypes()

    def source(self, note="", also=()):
        """Prints a sentence on the settings, the command and where it ran."""
        first = [note.format_map(self.settings)] if note else []
        dates = [run["date"] for run in self.where if "date" in run][-1:]
        machines = dict.fromkeys(run["machine"] for run in self.where)
        installed = self.where[0]["versions"]
        versions = [f"{name} {installed[name]}" for name in ("keras", *also)]
        versions[1:1] = [
            f"{ran} ({runs} runs)" if runs > 1 else ran
            for ran, runs in self._runs().items()
        ]
        parts = [*first, f"`{self.what}`", *dates, ", ".join(versions)]
        print("; ".join([*parts, *machines]) + ".\n")

    def _runs(self):
        """How often each version of each backend ran."""
        return collections.Counter(
            f"{name} {run['versions'][name]}"
            for name in BACKENDS
            for run in self.where
            if name in run["versions"] and run.get("backend", name) == name
        )


def install(*extras):
    """Prints the command that installs the package, a line for each extra."""
    lines = [_install.command(extra) for extra in extras]
    print("", "```sh", *lines, "```", "", sep="\n")


# What results files call a case, and what a stranger can read.
LABELS = [
    (r"\b3 x vector\b", "three layers that multiply by a vector"),
    (r"\b1 x ([a-z]\w*)", r"one \1 layer"),
    (r"\b3 x ([a-z]\w*)", r"three \1 layers"),
    (r"^inference ahead of time", "inference, compiled ahead of time"),
    (r"^ahead of time", "compiled ahead of time"),
    (r"predict_on_batch", "`predict_on_batch`"),
    (r", beside a copy beyond the cache", " against copying data from memory"),
    (r", beside a copy", " against copying its data"),
    (r", beside an empty model", " against an empty model"),
    (r"\bmemory copy\b", "a copy of the data"),
    (r"\bP itself\b", "the bytes of the matrix"),
    # Their ranks, dropout and epochs were.
    (r"(ranks 1[26] and [68], dense head)", r"\1 (chosen on test images)"),
]


def readable(label):
    """The name of a case in words."""
    for pattern, words in LABELS:
        label = re.sub(pattern, words, label)
    return label


def table(frame, columns, missing="-"):
    """Prints a table: `columns` has a template of a cell for each title."""
    texts = [cells(frame, template, missing) for template in columns.values()]
    texts[0] = texts[0].map(readable)
    # Numbers of a column are aligned to the right, words to the left.
    numbers = [text.str.match(r"[-+]?[\d.]").any() for text in texts[1:]]
    marks = ["---", *("---:" if right else "---" for right in numbers)]
    lines = [columns, marks, *zip(*texts, strict=True)]
    print("", *(f"| {' | '.join(line)} |" for line in lines), "", sep="\n")


def cells(frame, template, missing="-"):
    """A column of text: the template, filled with each row of the frame."""
    rows = frame.astype(object).where(frame.notna(), pd.NA)
    texts = rows.agg(template.format_map, axis=1).astype(object)
    return texts.mask(texts.str.contains(str(pd.NA)), missing)


def by_backend(frame, template, index):
    """The template's cells, a column a backend."""
    texts = cells(frame, template)
    texts.index = pd.MultiIndex.from_frame(frame[[*index, "backend"]])
    return texts.unstack(sort=False).reindex(columns=BACKENDS).reset_index()


def again(page, title):
    """Prints the table of another page that has a column of this title."""
    text = (ROOT / page).read_text()
    blocks = re.findall(r"\[\[\[cog\n(.*?)\]\]\]", text, re.DOTALL)
    code = next(code for code in blocks if f'"{title}"' in code)
    exec(code, dict(globals()))


def spread(digits):
    """A function that gives mean and standard deviation, if of several."""

    def text(values):
        mean = f"{values.mean():.{digits}f}"
        more = f" ± {values.std():.{digits}f}" if len(values) > 1 else ""
        return mean + more

    return text


def timings(*questions):
    """Medians over the runs of benchmarks, a row a case and backend."""
    rows = pd.concat([Results(f"benchmarks/{q}").rows for q in questions])
    by = rows.groupby([*CASE, "backend"], sort=False, dropna=False)
    return by.median(numeric_only=True).reset_index()


def with_times(rows, *keys):
    """Rows of quality, with the time of their network beside each."""
    case, times = [*keys, "family", "name"], ["ms", "relative_time"]
    found = rows[rows.question == "time"][case + times]
    rows = rows[rows.question != "time"].drop(columns=times, errors="ignore")
    return rows.merge(found, "left", on=case)


def on_frontier(rows, cost, quality):
    """Whether no other row is as good at no more cost, "yes" or "no"."""
    order = rows.sort_values([cost, quality], ascending=[True, False])
    best = order[quality].cummax()
    new = best.gt(best.shift(fill_value=-np.inf))
    return new.map({True: "yes", False: "no"}).reindex(rows.index)


def frontier(rows, quality):
    """Means over the seeds of each network, and whether it is on a frontier.

    Args:
        rows: As `with_times` returns them.
        quality: Name of a column, the more the better.
    """
    by = rows.groupby(["family", "name"], sort=False)
    cost = {c: (c, "mean") for c in ("compact_bytes", "ms", "relative_time")}
    found = by.agg(
        quality=(quality, "mean"),
        text=(quality, spread(2)),
        seeds=("seed", "size"),
        **cost,
    ).reset_index()
    for name in ("compact_bytes", "relative_time"):
        found[f"best_{name}"] = on_frontier(found, name, "quality")
    return found.sort_values("compact_bytes", kind="stable")


def frontier_table(found, title):
    """Prints what `frontier` returns."""
    columns = {
        "network": "{family}, {name}",
        title: "{text}",
        "compressed file, bytes": "{compact_bytes:,.0f}",
        "best for its bytes": "{best_compact_bytes}",
        "ms": "{ms:.2f}",
        "time, Dense = 1": "{relative_time:.2f}",
        "best for its time": "{best_relative_time}",
        "seeds": "{seeds}",
    }
    table(found, columns)


def speeds(ratios):
    """How many times faster, rounded down: no missed target looks met."""
    digits = np.where(ratios >= 10, 1, 2)
    down = np.floor(ratios * 10.0**digits) / 10.0**digits
    return [f"{x:.{n}f}x" for x, n in zip(down, digits, strict=True)]


def main():
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [str(page) for page in pages if "[[[cog" in page.read_text()]
    how = "--check" if "--check" in sys.argv[1:] else "-r"
    sys.exit(Cog().main(["cog", *OPTIONS, how, *names]))


if __name__ == "__main__":
    main()
