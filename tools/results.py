"""Writes the tables of README and docs from the committed results.

python tools/results.py          rewrites the files in PAGES
python tools/results.py --check  fails where one is not up to date
"""

import json
import re
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
TUTORIALS = ROOT / "tutorials" / "results"
PAGES = ("README.md", "docs/results.md", "docs/benchmarks.md")
# What 784-512-256-10 trains with keras.layers.Dense.
DENSE = 784 * 512 + 512 + 512 * 256 + 256 + 256 * 10 + 10
BACKENDS = ("torch", "jax", "tensorflow")


def mnist():
    """The demonstration on MNIST, one column of accuracy a backend."""
    runs = {b: _load(f"demo_mnist_{b}.json") for b in BACKENDS}
    first = runs["torch"]
    lines = [
        "| 784-512-256-10 on MNIST | trained numbers | fewer | file, bytes "
        "| exact reload | "
        + " | ".join(f"accuracy, {b}" for b in BACKENDS)
        + " |",
        "| --- | ---: | ---: | ---: | --- |" + " ---: |" * len(BACKENDS),
    ]
    for k, row in enumerate(first["rows"]):
        rows = [run["rows"][k] for run in runs.values()]
        exact = all(r["reload_exact"] for r in rows)
        lines.append(
            f"| {row['name']} | {row['trainable']:,} "
            f"| {row['reduction']:.1f}x | {row['file_bytes']:,} "
            f"| {'yes' if exact else 'no'} | "
            + " | ".join(f"{r['accuracy']:.2%}" for r in rows)
            + " |"
        )
    versions = ", ".join(f"{b} {run['versions'][b]}" for b, run in runs.items())
    lines += [
        "",
        f"`keras-randproj demo --dataset mnist --epochs {first['epochs']}`, "
        f"seed {first['seed']}, keras {first['versions']['keras']}, "
        f"{versions}; {first['machine']}. File sizes are torch's.",
    ]
    return lines


def layer():
    """PRPDense beside Dense, a row a case, a column a backend."""
    data = _load("layer_cpu.json")
    cases: dict = {}
    for row in data["rows"]:
        key = (row["question"], row["d"], row["batch"])
        cases.setdefault(key, {})[row["backend"]] = row
    lines = [
        "| times faster than `keras.layers.Dense` | d | batch | "
        + " | ".join(BACKENDS)
        + " |",
        "| --- | ---: | ---: |" + " ---: |" * len(BACKENDS),
    ]
    for (question, d, batch), rows in cases.items():
        cells = [f"{rows[b]['ratio']:.1f}x" for b in BACKENDS]
        lines.append(
            f"| {question.removeprefix('layer ')} | {d} | {batch} | "
            + " | ".join(cells)
            + " |"
        )
    versions = ", ".join(
        f"{r['backend']} {r['versions'][r['backend']]}" for r in data["runs"]
    )
    run = data["runs"][0]
    lines += [
        "",
        "`python -m benchmarks --only layer`, medians, layers d -> d in "
        f"float32, {run['date']}; {versions}; {run['device']}. Inference is "
        "compiled on JAX and TensorFlow; a training step is "
        "`train_on_batch` with Adam.",
    ]
    return lines


def classification():
    """Accuracy of each model of the first tutorial, over its seeds."""
    data = _load("01_classification.json", TUTORIALS)
    runs: dict = {}
    for row in data["rows"]:
        if "accuracy" in row:
            runs.setdefault(row["model"], {}).setdefault(
                row["dataset"], []
            ).append(row)
    ordered = sorted(
        runs.items(), key=lambda item: -item[1]["mnist"][0]["trainable"]
    )
    lines = [
        "| 784-512-256-10 | trained numbers | fewer | epochs | MNIST, % "
        "| seeds | Fashion-MNIST, % | seeds |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, found in ordered:
        first = found["mnist"][0]
        cells = [
            name,
            f"{first['trainable']:,}",
            f"{DENSE / first['trainable']:.1f}x",
            str(first["epochs"]),
        ]
        for dataset in ("mnist", "fashion_mnist"):
            rows = found.get(dataset, [])
            cells += [_spread([100 * r["accuracy"] for r in rows])]
            cells += [str(len(rows))]
        lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"`python tutorials/01_classification.py`; Adam from "
        f"{data['learning_rate']:g} along a cosine, batches of "
        f"{data['batch_size']}; {_where(data)}.",
    ]


def rates():
    """What the range test of the first tutorial suggests."""
    data = _load("01_classification.json", TUTORIALS)
    lines = ["| | suggested rate |", "| --- | ---: |"]
    for row in data["rows"]:
        if "suggestion" in row:
            lines.append(f"| {row['model']} | {row['suggestion']:.1e} |")
    return lines


def autoencoder():
    """Reconstruction error of the second tutorial's models."""
    data = _load("02_autoencoder.json", TUTORIALS)
    most = max(row.get("trainable", 0) for row in data["rows"])
    lines = _head("784-768-128-768-784", "trained numbers", "fewer", "error")
    for row in data["rows"]:
        numbers = row.get("trainable")
        lines.append(
            _row(
                row["model"],
                f"{numbers:,}" if numbers else "-",
                f"{most / numbers:.1f}x" if numbers else "-",
                f"{row['error']:.4f}",
            )
        )
    return [
        *lines,
        "",
        "Mean squared error of a pixel on the test images; `python "
        f"tutorials/02_autoencoder.py`, {data['epochs']} epochs, seed "
        f"{data['seed']}; {_where(data)}.",
    ]


def sizes():
    """Bytes in a file, of the tutorial on files."""
    lines = _head("784-512-10", "trained numbers", "arrays, bytes", "file")
    for row in _asked("size"):
        lines.append(
            _row(
                row["model"],
                *(
                    f"{row[name]:,}"
                    for name in ("trainable", "array_bytes", "file_bytes")
                ),
            )
        )
    return lines


def opened():
    """Differences between backends, of the tutorial on files."""
    data = _load("05_seed_only_files.json", TUTORIALS)
    lines = _head(f"saved on {data['backend']}, opened on", "difference")
    for row in _asked("opened on"):
        lines.append(_row(row["model"], f"{row['largest_difference']:.1e}"))
    return lines


def federated():
    """Bytes sent and accuracy, of the tutorial on files."""
    data = _load("05_seed_only_files.json", TUTORIALS)
    lines = _head("hidden layer", "bytes sent, in all", "accuracy on MNIST")
    for row in _asked("federated"):
        lines.append(
            _row(
                row["model"],
                f"{row['bytes_sent']:,}",
                f"{row['accuracy']:.2%}",
            )
        )
    return [
        *lines,
        "",
        f"{data['clients']} clients, {data['rounds']} rounds, both ways; "
        f"`python tutorials/05_seed_only_files.py`; {_where(data)}.",
    ]


def compression():
    """Accuracy and bytes of the tutorial on compression."""
    data = _load("06_compress_a_trained_model.json", TUTORIALS)
    lines = _head("hidden_2 and head", "bytes", "accuracy", "seconds")
    for row in data["rows"]:
        if "accuracy" in row:
            seconds = row.get("seconds")
            lines.append(
                _row(
                    row["model"],
                    f"{row['file_bytes']:,}",
                    f"{row['accuracy']:.2%}",
                    "-" if seconds is None else f"{seconds:.1f}",
                )
            )
    return [
        *lines,
        "",
        f"`python tutorials/06_compress_a_trained_model.py`; "
        f"{data['unlabelled']:,} unlabelled images; {_where(data)}. The "
        "seconds are those of a loaded machine.",
    ]


def bert():
    """Trained numbers of a BERT, of the tutorial on compression."""
    data = _load("06_compress_a_trained_model.json", TUTORIALS)
    lines = _head("model", "trained numbers")
    for row in data["rows"]:
        if "trainable" in row:
            lines.append(_row(row["model"], f"{row['trainable']:,}"))
    return lines


def _asked(question):
    data = _load("05_seed_only_files.json", TUTORIALS)
    return [row for row in data["rows"] if row["question"] == question]


def _head(*titles):
    return [_row(*titles), _row("---", *["---:"] * (len(titles) - 1))]


def _row(*cells):
    return f"| {' | '.join(cells)} |"


def _spread(values):
    if not values:
        return "-"
    mean = f"{statistics.mean(values):.2f}"
    if len(values) == 1:
        return mean
    return f"{mean} ± {statistics.stdev(values):.2f}"


def _where(data):
    versions = ", ".join(
        f"{name} {version}"
        for name, version in data["versions"].items()
        if name in ("keras", *BACKENDS)
    )
    return f"{versions}; {data['machine']}"


def _load(name, folder=RESULTS):
    return json.loads((folder / name).read_text())


TABLES = {
    "mnist": mnist,
    "layer": layer,
    "classification": classification,
    "rates": rates,
    "autoencoder": autoencoder,
    "sizes": sizes,
    "opened": opened,
    "federated": federated,
    "compression": compression,
    "bert": bert,
}


def filled(text):
    """The text with a table between each pair of marks."""
    for name, table in TABLES.items():
        start, stop = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
        if start in text:
            block = "\n".join([start, "", *table(), "", stop])
            pattern = f"{re.escape(start)}.*?{re.escape(stop)}"
            text = re.sub(pattern, lambda _, b=block: b, text, flags=re.S)
    return text


def main(check):
    for name in PAGES:
        path = ROOT / name
        old = path.read_text()
        new = filled(old)
        if check and new != old:
            sys.exit(f"{name} is not up to date: run python tools/results.py")
        path.write_text(new)


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
