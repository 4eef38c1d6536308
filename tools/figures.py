"""Draws the figures of accuracy and speed from the committed results.

    python tools/figures.py

A family of layers has one colour in all of them, and Dense is grey.
"""

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.ticker import NullFormatter
from results import BACKENDS
from results import ROOT
from results import Results
from results import timings
from results import with_times

COLOURS = {
    "Dense": "#80868f",
    "low rank": "#c2185b",
    "PRP": "#3949ab",
    "PRP, hadamard": "#3949ab",
    "PRP, gaussian": "#ef8a17",
    "PRP, Dense head": "#00897b",
    "Dense, int8": "#6d4c41",
    "Dense, int4": "#000000",
    "block-diagonal": "#ef8a17",
    "EUGen": "#00897b",
    "torch": "#8e24aa",
    "jax": "#0097a7",
    "tensorflow": "#689f38",
    "SeededUpdate, int8": "#3949ab",
    "Modulation, int8": "#00897b",
    "LoRA": "#c2185b",
    "Uni-LoRA": "#ef8a17",
    "IA3": "#8e24aa",
    "VeRA": "#0097a7",
}
BYTES = {1e4: "10 KB", 1e5: "100 KB", 1e6: "1 MB"}
SPEEDS = {ratio: f"{ratio}x" for ratio in (1, 2, 4, 8, 16, 32, 64)}
mpl.rcParams.update(
    {
        "axes.grid": True,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "font.size": 11,
        "grid.alpha": 0.3,
        "lines.linewidth": 2,
        "svg.hashsalt": "figures",  # The same file from the same numbers.
    }
)


def axes(**labels):
    """A figure that is readable on a phone, and its axes."""
    figure = Figure(figsize=(5.4, 4), layout="constrained")
    found = figure.add_subplot()
    found.set(xscale="log", **labels)
    return figure, found


def line(on, rows, x, y, name, at=(8, -4), k=-1):
    """A curve with its name beside one of its points, the k-th."""
    points = rows[[x, y]].to_numpy(float)
    on.plot(*points.T, "o-", color=COLOURS[name])
    style = {"color": COLOURS[name], "weight": "bold"}
    on.annotate(name, points[k], at, textcoords="offset points", **style)


def ticks(axis, texts):
    """Plain words at chosen places of a logarithmic axis."""
    axis.set_ticks(list(texts))
    axis.set_major_formatter(FuncFormatter(lambda value, _: texts[value]))
    axis.set_minor_formatter(NullFormatter())


def save(figure, name):
    path = ROOT / "docs" / "images" / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def against_bytes(name, experiment, ylim, places):
    """Accuracy on MNIST against bytes of the file, a curve a family."""
    rows = Results(f"experiments/{experiment}").rows
    rows = rows.sort_values("compact_bytes")
    rows["percent"] = 100 * rows.accuracy
    figure, on = axes(
        xlabel="bytes of the model's file, compressed",
        ylabel="test accuracy on MNIST, %",
        ylim=ylim,
        xlim=(9e3, 5e6),
    )
    for family, place in places.items():
        of = rows[rows.family == family]
        line(on, of, "compact_bytes", "percent", family, *place)
    ticks(on.xaxis, BYTES)
    return figure, save(figure, name)


FAMILIES = (
    "PRP",
    "EUGen",
    "Dense",
    "Dense, int8",
    "Dense, int4",
    "low rank",
    "block-diagonal",
)


def frontier(name, rows, quality, label, **limits):
    """Quality against bytes of the file and against the time of a call.

    Means over seeds, a curve a family; the legend is below both.
    """
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    pair = figure.subplots(1, 2, sharey=True)
    labels = {
        "compact_bytes": "bytes of the file, compressed",
        "relative_time": "time of a call, Dense = 1",
    }
    case = ["family", "name"]
    rows = rows.groupby(case)[[quality, *labels]].mean().reset_index()
    for on, (x, words) in zip(pair, labels.items(), strict=True):
        on.set(xscale="log", xlabel=words, **limits)
        for family in FAMILIES:
            of = rows[rows.family == family].sort_values(x)
            points = of[[x, quality]].to_numpy(float)
            on.plot(*points.T, "o-", color=COLOURS[family], label=family)
    pair[0].set_ylabel(label)
    ticks(pair[0].xaxis, BYTES)
    ticks(pair[1].xaxis, {0.2: "0.2", 0.5: "0.5", 1: "1", 2: "2", 4: "4"})
    handles = pair[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4, frameon=False)
    save(figure, name)


def frontiers():
    rows = with_times(Results("experiments/frontier").rows)
    rows["percent"] = 100 * rows.accuracy
    for data, title, limits in (
        ("mnist", "MNIST", (91, 98.6)),
        ("fashion_mnist", "Fashion-MNIST", (82.5, 88.5)),
    ):
        of, words = rows[rows.dataset == data], f"test accuracy on {title}, %"
        frontier(f"frontier_{data}", of, "percent", words, ylim=limits)
    rows = with_times(Results("experiments/frontier_transformers").rows, "task")
    rows["percent"] = 100 * rows.accuracy
    for task, quality, words, limits in (
        ("gpt", "loss", "loss a character, less is better", (2.65, 2.1)),
        ("vit", "percent", "test accuracy on CIFAR-10, %", (34, 40)),
    ):
        of = rows[rows.task == task]
        frontier(f"frontier_{task}", of, quality, words, ylim=limits)


def adapters_against_bytes(places):
    rows = Results("experiments/adapters").rows
    rows = rows[rows.seed != 100].groupby("method").mean(numeric_only=True)
    files = Results("experiments/adapters_peft").rows.set_index("method")
    rows = rows.join(files[["file_bytes", "int8_bytes"]])
    figure, on = axes(
        xlabel="bytes of the adapter's file",
        ylabel="test accuracy, mean of four domains, %",
        ylim=(84, 88.2),
        xlim=(2.5e3, 2e6),
    )
    on.axhline(rows.accuracy["full"], color=COLOURS["Dense"], linestyle="--")
    for name, (start, *place) in places.items():
        int8 = "int8" in name
        size = "int8_bytes" if int8 else "file_bytes"
        of = rows[rows.index.str.startswith(start)].sort_values(size)
        accuracy = "int8_accuracy" if int8 else "accuracy"
        line(on, of, size, accuracy, name, *place)
    ticks(on.xaxis, BYTES)
    save(figure, "adapters_against_bytes")


def accuracy_against_parameters(dataset, title, lowest):
    rows = Results("experiments/classification").rows
    rows = rows[rows.dataset == dataset].dropna(subset="accuracy")
    found = rows.groupby("model").agg(
        {"accuracy": "mean", "trainable": "first"}
    )
    found["percent"] = 100 * found.accuracy
    residuals = [f"PRP gaussian, rank-{rank} residual" for rank in (1, 4, 16)]
    depths = [f"PRP hadamard, depth {depth}" for depth in (2, 3, 4, 5)]
    heads = ["3", "3, ranks 16 and 6"]
    series = {
        "PRP, hadamard": (["PRP hadamard", *depths], (-96, 12)),
        "PRP, gaussian": (["PRP gaussian", *residuals], (8, -12)),
        "PRP, Dense head": (
            [f"hadamard, depth {depth}, dense head" for depth in heads],
            (8, 4),
        ),
        "Dense": (["Dense"], (-18, -18)),
    }
    figure, on = axes(
        xlabel="trainable parameters",
        ylabel=f"test accuracy on {title}, %",
        ylim=lowest,
        xlim=(2e3, 1.2e6),
    )
    for name, (models, at) in series.items():
        of = found.reindex(models).dropna()
        line(on, of, "trainable", "percent", name, at)
    values = (3000, 10_000, 30_000, 100_000, 500_000)
    ticks(on.xaxis, {value: f"{value:,}" for value in values})
    save(figure, f"01_{dataset}")


def speed(axis, fixed, value, name, label):
    """Ratio to Dense of the Hadamard layer against one axis."""
    rows = timings("inference").sort_values(axis)
    rows = rows[rows.question == "inference, hadamard"]
    rows = rows[rows.baseline == "keras.layers.Dense"]
    rows = rows[rows[fixed] == value]
    figure, on = axes(
        xlabel=label, ylabel="times faster than Dense", yscale="log"
    )
    on.axhline(1, color=COLOURS["Dense"])
    for backend in BACKENDS:
        of = rows[rows.backend == backend][[axis, "ratio"]].to_numpy(float)
        on.plot(*of.T, "o-", color=COLOURS[backend], label=backend)
    least = rows[axis].min()
    on.annotate("Dense", (least, 1), (0, 5), textcoords="offset points")
    on.legend(frameon=False)
    ticks(on.xaxis, {value: f"{value:,}" for value in rows[axis].unique()})
    ticks(on.yaxis, SPEEDS)
    save(figure, name)


def main():
    figure, path = against_bytes(
        "accuracy_against_bytes",
        "accuracy_and_bytes",
        (90, 99.2),
        {
            "PRP": ((-34, 6), 2),
            "Dense": ((-24, -18),),
            "low rank": ((-6, -52),),
        },
    )
    # For the README: package indexes show no SVG.
    png = {"dpi": 110, "metadata": {"Software": None}}
    figure.savefig(path.with_suffix(".png"), **png)
    frontiers()
    adapters_against_bytes(
        {
            "SeededUpdate, int8": ("SeededUpdate", (-4, -17), 0),
            "Modulation, int8": ("Modulation", (-62, -17)),
            "Uni-LoRA": ("PEFT UniLoRA",),
            "LoRA": ("PEFT LoRA",),
            "IA3": ("PEFT IA3", (6, 4)),
            "VeRA": ("PEFT VeRA",),
        }
    )
    accuracy_against_parameters("mnist", "MNIST", (90, 99))
    accuracy_against_parameters("fashion_mnist", "Fashion-MNIST", (84, 90))
    speed("d", "batch", 256, "benchmark_width", "features, in and out")
    speed("batch", "d", 4096, "benchmark_batch", "rows in the batch")


if __name__ == "__main__":
    main()
