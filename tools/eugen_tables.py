"""Tables of the EUGen benchmarks, in Markdown."""

from cells import BACKENDS
from cells import benchmark
from cells import head
from cells import row
from cells import spread

ACTIVATIONS = ("relu", "softplus", "gelu")


def speed():
    """A feed-forward and its merged EUGen, and how both grow."""
    runs = {b: benchmark(f"eugen_speed_{b}.json") for b in BACKENDS}
    lines = head("", "batch", *(f"{b}: ms, times faster" for b in BACKENDS))
    for k, first in enumerate(runs["torch"]["rows"]):
        if not first["question"].startswith("merged"):
            continue
        found = [run["rows"][k] for run in runs.values()]
        lines.append(
            row(
                first["question"],
                str(first["batch"]),
                *(f"{r['ours_ms']:.2f}, {r['ratio']:.1f}x" for r in found),
            )
        )
    floors = [run["empty_model_ms"] for run in runs.values()]
    lines.append(
        row("a model that does nothing", "1", *(f"{f:.2f}" for f in floors))
    )
    for name in ("eugen", "dense"):
        exponents = [run["exponents"][name] for run in runs.values()]
        lines.append(
            row(
                f"exponent of d, {name}",
                "256",
                *(f"{e:.2f}" for e in exponents),
            )
        )
    return [*lines, "", f"`python -m benchmarks.eugen`; {_run(runs['torch'])}."]


def synthetic():
    """Mean squared errors of the synthetic comparison."""
    return [
        *_synthetic(benchmark("eugen_synthetic.json")),
        "",
        "Trained for longer, with a slope of 0.2 in the leaky features and one "
        "learning rate, by the script as it was before:",
        "",
        *_synthetic(benchmark("eugen_synthetic_250_epochs.json")),
    ]


def _synthetic(data):
    found: dict = {}
    for r in data["rows"]:
        by_activation = found.setdefault(r["variant"], {})
        by_activation.setdefault(r["activation"], []).append(r)
    lines = head("held-out error x 1000", "parameters", *ACTIVATIONS)
    for name, rows in found.items():
        numbers = rows["relu"][0].get("parameters")
        cells = [
            spread([1000 * r["mse"] for r in rows[a]], digits=3)
            for a in ACTIVATIONS
        ]
        lines.append(row(name, f"{numbers:,}" if numbers else "-", *cells))
    seeds = len({r["seed"] for r in data["rows"]})
    return [
        *lines,
        "",
        f"`python -m benchmarks.eugen_synthetic --epochs {data['epochs']} "
        f"--seeds {seeds}`; {_run(data)}.",
    ]


def distilled():
    """Accuracy of an MNIST classifier with one layer distilled."""
    data = benchmark("eugen_distill_mnist.json")
    lines = head(
        "layer",
        "variant",
        "features",
        "accuracy %",
        "seconds",
        "in all",
        "in file",
        "merged",
        "merged, in file",
        "SVD, equal in all",
        "SVD, equal in file",
    )
    for r in data["rows"]:
        lines.append(
            row(
                r["layer"],
                r["variant"],
                str(r["features"]),
                f"{100 * r['accuracy']:.2f}",
                f"{r['seconds']:.1f}",
                *(
                    f"{r[name]:,}"
                    for name in (
                        "eugen",
                        "eugen_in_file",
                        "merged",
                        "merged_in_file",
                    )
                ),
                *(
                    f"{100 * r[name]['accuracy']:.2f} (rank {r[name]['rank']})"
                    for name in ("svd", "svd_in_file")
                ),
            )
        )
    return [
        *lines,
        "",
        f"Teacher {data['teacher_accuracy']:.2%}, "
        f"{data['unlabelled_images']:,} unlabelled images; "
        f"`python -m benchmarks.eugen_distill_mnist`; {_run(data)}.",
    ]


def activations():
    """Errors of the polynomials of activations, by order."""
    data = benchmark("eugen_activations.json")
    orders = [str(order) for order in data["orders"]]
    lines = head("activation", *orders)
    for r in data["rows"]:
        errors = [f"{error:.4f}" for error in r["relative_errors"]]
        lines.append(row(r["activation"], *errors))
    return lines


def _run(data):
    versions, where = data["versions"], data["machine"]
    backend, cores = data["backend"], where["cores"]
    return (
        f"keras {versions['keras']}, {backend} {versions[backend]}; "
        f"{where['processor']}, {cores} core{'s' * (cores > 1)}"
    )
