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
    found.set(**labels)
    return figure, found


def line(on, x, y, name, dx=8, dy=-4, k=-1):
    """A curve with its name beside one of its points, the k-th."""
    colour = COLOURS[name]
    on.plot(x, y, "o-", color=colour)
    on.annotate(
        name,
        (x[k], y[k]),
        xytext=(dx, dy),
        textcoords="offset points",
        color=colour,
        weight="bold",
    )


def ticks(axis, values, text):
    """Plain numbers at chosen places of a logarithmic axis."""
    axis.set_ticks(values)
    axis.set_major_formatter(FuncFormatter(lambda value, _: text(value)))
    axis.set_minor_formatter(NullFormatter())


def save(figure, name):
    path = ROOT / "docs" / "images" / f"{name}.svg"
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    return path


def against_bytes(name, experiment, ylim, places):
    """Accuracy on MNIST against bytes of the file, a curve a family."""
    rows = Results(f"experiments/{experiment}").rows
    figure, on = axes(
        xlabel="bytes of the model's file, compressed",
        ylabel="test accuracy on MNIST, %",
        xscale="log",
        ylim=ylim,
        xlim=(9e3, 5e6),
    )
    for family, place in places.items():
        of = rows[rows.family == family].sort_values("compact_bytes")
        x, y = of.compact_bytes.to_list(), (100 * of.accuracy).to_list()
        line(on, x, y, family, **place)
    ticks(
        on.xaxis,
        [1e4, 1e5, 1e6],
        lambda v: f"{v / 1e3:.0f} KB" if v < 1e6 else f"{v / 1e6:.0f} MB",
    )
    return figure, save(figure, name)


def accuracy_against_bytes():
    places = {
        "PRP": {"dx": -34, "dy": 6, "k": 2},
        "Dense": {"dx": -24, "dy": -18},
        "low rank": {"dx": -6, "dy": -52},
    }
    name = "accuracy_against_bytes"
    figure, path = against_bytes(name, "accuracy_and_bytes", (90, 99.2), places)
    # For the README: package indexes show no SVG.
    metadata = {"Software": None}
    figure.savefig(path.with_suffix(".png"), dpi=110, metadata=metadata)


def frontier():
    places = {
        "PRP": {"dx": -40, "dy": 8, "k": 2},
        "Dense": {"dx": -24, "dy": -18},
        "Dense, int8": {"dx": 8, "dy": 2},
        "Dense, int4": {"dx": -6, "dy": 22, "k": 0},
        "low rank": {"dx": 4, "dy": -16},
        "block-diagonal": {"dx": -62, "dy": 12},
    }
    against_bytes("frontier_mnist", "frontier", (91, 98.6), places)


def adapters_against_bytes():
    rows = Results("experiments/adapters").rows
    rows = rows[rows.seed != 100].groupby("method").mean(numeric_only=True)
    files = Results("experiments/adapters_peft").rows.set_index("method")
    rows = rows.join(files[["file_bytes", "int8_bytes"]])
    figure, on = axes(
        xlabel="bytes of the adapter's file",
        ylabel="test accuracy, mean of four domains, %",
        xscale="log",
        ylim=(84, 88.2),
        xlim=(2.5e3, 2e6),
    )
    on.axhline(rows.accuracy["full"], color=COLOURS["Dense"], linestyle="--")
    series = {
        "SeededUpdate, int8": ("SeededUpdate", {"dx": -4, "dy": -17, "k": 0}),
        "Modulation, int8": ("Modulation", {"dx": -62, "dy": -17}),
        "Uni-LoRA": ("PEFT UniLoRA", {"dx": 8, "dy": -4}),
        "LoRA": ("PEFT LoRA", {"dx": 8, "dy": -4}),
        "IA3": ("PEFT IA3", {"dx": 6, "dy": 4}),
        "VeRA": ("PEFT VeRA", {"dx": 8, "dy": -4}),
    }
    for name, (start, place) in series.items():
        size = "int8_bytes" if "int8" in name else "file_bytes"
        accuracy = "int8_accuracy" if "int8" in name else "accuracy"
        of = rows[rows.index.str.startswith(start)].sort_values(size)
        line(on, of[size].to_list(), of[accuracy].to_list(), name, **place)
    ticks(
        on.xaxis,
        [1e4, 1e5, 1e6],
        lambda v: f"{v / 1e3:.0f} KB" if v < 1e6 else f"{v / 1e6:.0f} MB",
    )
    save(figure, "adapters_against_bytes")


def accuracy_against_parameters(dataset, title, lowest):
    rows = Results("experiments/classification").rows
    rows = rows[rows.dataset == dataset].dropna(subset="accuracy")
    found = rows.groupby("model").agg(
        {"accuracy": "mean", "trainable": "first"}
    )
    series = {
        "PRP, hadamard": [
            "PRP hadamard",
            *(f"PRP hadamard, depth {k}" for k in (2, 3, 4, 5)),
        ],
        "PRP, gaussian": [
            "PRP gaussian",
            *(f"PRP gaussian, rank-{r} residual" for r in (1, 4, 16)),
        ],
        "PRP, Dense head": [
            "hadamard, depth 3, dense head",
            "hadamard, depth 3, ranks 16 and 6, dense head",
        ],
        "Dense": ["Dense"],
    }
    figure, on = axes(
        xlabel="trainable parameters",
        ylabel=f"test accuracy on {title}, %",
        xscale="log",
        ylim=lowest,
        xlim=(2e3, 1.2e6),
    )
    places = {
        "PRP, hadamard": {"dx": -96, "dy": 12},
        "PRP, gaussian": {"dx": 8, "dy": -12},
        "PRP, Dense head": {"dx": 8, "dy": 4},
        "Dense": {"dx": -18, "dy": -18},
    }
    for name, models in series.items():
        of = found.loc[[m for m in models if m in found.index]]
        x, y = of.trainable.to_list(), (100 * of.accuracy).to_list()
        line(on, x, y, name, **places[name])
    ticks(on.xaxis, [3e3, 1e4, 3e4, 1e5, 5e5], lambda v: f"{v:,.0f}")
    save(figure, f"01_{dataset}")


def speed(axis, fixed, value, name, label):
    """Ratio to Dense of the Hadamard layer against one axis."""
    rows = timings("inference").sort_values(axis)
    rows = rows[rows.question == "inference, hadamard"]
    rows = rows[rows.baseline == "keras.layers.Dense"]
    rows = rows[rows[fixed] == value].set_index("backend")
    figure, on = axes(
        xlabel=label,
        ylabel="times faster than Dense",
        xscale="log",
        yscale="log",
    )
    on.axhline(1, color=COLOURS["Dense"])
    values: set = set()
    for backend in BACKENDS:
        of = rows.loc[backend]
        values |= set(of[axis])
        x, y = of[axis].to_list(), of.ratio.to_list()
        on.plot(x, y, "o-", color=COLOURS[backend], label=backend)
    on.annotate("Dense", (min(values), 1), (0, 5), textcoords="offset points")
    on.legend(frameon=False)
    ticks(on.xaxis, sorted(values), lambda v: f"{v:,.0f}")
    ticks(on.yaxis, [1, 2, 4, 8, 16, 32, 64], lambda v: f"{v:g}x")
    save(figure, name)


if __name__ == "__main__":
    accuracy_against_bytes()
    adapters_against_bytes()
    frontier()
    accuracy_against_parameters("mnist", "MNIST", (90, 99))
    accuracy_against_parameters("fashion_mnist", "Fashion-MNIST", (84, 90))
    speed("d", "batch", 256, "benchmark_width", "features, in and out")
    speed("batch", "d", 4096, "benchmark_batch", "rows in the batch")
