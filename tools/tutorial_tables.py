"""Tables of the tutorials on classification, autoencoders and files."""

from cells import NotRun
from cells import head
from cells import picture
from cells import row
from cells import spread
from cells import tutorial
from cells import where

# What 784-512-256-10 trains with keras.layers.Dense.
DENSE = 784 * 512 + 512 + 512 * 256 + 256 + 256 * 10 + 10
AUTOENCODER = "02_autoencoder"


def classification():
    """Accuracy of each model of the first tutorial, over its seeds."""
    data = tutorial("01_classification.json")
    runs: dict = {}
    for r in data["rows"]:
        if "accuracy" in r:
            runs.setdefault(r["model"], {}).setdefault(r["dataset"], []).append(
                r
            )
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
            cells += [spread([100 * r["accuracy"] for r in rows])]
            cells += [str(len(rows))]
        lines.append(f"| {' | '.join(cells)} |")
    return [
        *lines,
        "",
        f"`python tutorials/01_classification.py`; Adam from "
        f"{data['learning_rate']:g} along a cosine, batches of "
        f"{data['batch_size']}; {where(data)}.",
    ]


def convolutions():
    """Accuracy of each convolutional network, on each data set."""
    data = tutorial("09_convolutions.json")
    sets = list(dict.fromkeys(r["dataset"] for r in data["rows"]))
    found: dict = {}
    for r in data["rows"]:
        found.setdefault(r["variant"], {})[r["dataset"]] = r
    titles = [title for name in sets for title in (f"{name}, %", "numbers")]
    lines = head("", *titles)
    for variant, rows in found.items():
        cells = []
        for name in sets:
            r = rows[name]
            cells += [f"{100 * r['accuracy']:.2f}", f"{r['trainable']:,}"]
        lines.append(row(variant, *cells))
    return [
        *lines,
        "",
        f"`python tutorials/09_convolutions.py`, {data['epochs']} epochs, one "
        f"seed; test accuracy and trained numbers; {where(data)}.",
    ]


def rates():
    """What the range test of the first tutorial suggests."""
    data = tutorial("01_classification.json")
    lines = ["| | suggested rate |", "| --- | ---: |"]
    for r in data["rows"]:
        if "suggestion" in r:
            lines.append(f"| {r['model']} | {r['suggestion']:.1e} |")
    return lines


def autoencoder():
    """Reconstruction error of the second tutorial's models."""
    return _errors("reconstruction")


def denoising():
    """Error of the second tutorial's models where there was noise."""
    return [
        *_errors("denoising"),
        "",
        picture(AUTOENCODER, "02_denoising.png", "Denoised test images"),
    ]


def reconstructions():
    """The pictures of the second tutorial, for its page."""
    return [
        picture(AUTOENCODER, "02_reconstructions.png", "Reconstructions"),
        "",
        picture(AUTOENCODER, "02_codes.png", "Codes of test images"),
    ]


def _errors(question):
    data = tutorial(f"{AUTOENCODER}.json")
    rows = [r for r in data["rows"] if r["question"] == question]
    if not rows:
        raise NotRun(f"tutorials/{AUTOENCODER}.py")
    most = max(r.get("trainable", 0) for r in rows)
    lines = head("784-768-128-768-784", "trained numbers", "fewer", "error")
    for r in rows:
        numbers = r.get("trainable")
        lines.append(
            row(
                r["model"],
                f"{numbers:,}" if numbers else "-",
                f"{most / numbers:.1f}x" if numbers else "-",
                f"{r['error']:.4f}",
            )
        )
    return [
        *lines,
        "",
        "Mean squared error of a pixel on the test images; `python "
        f"tutorials/{AUTOENCODER}.py`, {data['epochs']} epochs, seed "
        f"{data['seed']}; {where(data)}.",
    ]


def sizes():
    """Bytes in a file, of the tutorial on files."""
    lines = head("784-512-10", "trained numbers", "arrays, bytes", "file")
    for r in _asked("size"):
        lines.append(
            row(
                r["model"],
                *(
                    f"{r[name]:,}"
                    for name in ("trainable", "array_bytes", "file_bytes")
                ),
            )
        )
    return lines


def opened():
    """Differences between backends, of the tutorial on files."""
    data = tutorial("05_seed_only_files.json")
    lines = head(f"saved on {data['backend']}, opened on", "difference")
    for r in _asked("opened on"):
        lines.append(row(r["model"], f"{r['largest_difference']:.1e}"))
    return lines


def federated():
    """Bytes sent and accuracy, of the tutorial on files."""
    data = tutorial("05_seed_only_files.json")
    lines = head("hidden layer", "bytes sent, in all", "accuracy on MNIST")
    for r in _asked("federated"):
        lines.append(
            row(
                r["model"],
                f"{r['bytes_sent']:,}",
                f"{r['accuracy']:.2%}",
            )
        )
    return [
        *lines,
        "",
        f"{data['clients']} clients, {data['rounds']} rounds, both ways; "
        f"`python tutorials/05_seed_only_files.py`; {where(data)}.",
    ]


def compression():
    """Accuracy and bytes of the tutorial on compression."""
    data = tutorial("06_compress_a_trained_model.json")
    lines = head("hidden_2 and head", "bytes", "accuracy", "processor seconds")
    for r in data["rows"]:
        if "accuracy" in r:
            seconds = r.get("seconds")
            lines.append(
                row(
                    r["model"],
                    f"{r['file_bytes']:,}",
                    f"{r['accuracy']:.2%}",
                    "-" if seconds is None else f"{seconds:.1f}",
                )
            )
    return [
        *lines,
        "",
        f"`python tutorials/06_compress_a_trained_model.py`; "
        f"{data['unlabelled']:,} unlabelled images; {where(data)}. The "
        "seconds are those of a loaded machine.",
    ]


def bert():
    """Trained numbers of a BERT, of the tutorial on compression."""
    data = tutorial("06_compress_a_trained_model.json")
    lines = head("model", "trained numbers")
    for r in data["rows"]:
        if "trainable" in r:
            lines.append(row(r["model"], f"{r['trainable']:,}"))
    return lines


def _asked(question):
    data = tutorial("05_seed_only_files.json")
    rows = [r for r in data["rows"] if r["question"] == question]
    if not rows:
        raise NotRun("tutorials/05_seed_only_files.py")
    return rows
