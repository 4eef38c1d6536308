"""Draws the pictures of docs/benchmarks.md from the committed results.

python tools/benchmark_plots.py
"""

import matplotlib.pyplot as plt
from results import BACKENDS
from results import ROOT
from results import timings


def ratios(axis, fixed, value, file):
    """Ratio to Dense of the Hadamard layer against one axis."""
    rows = timings("inference").sort_values(axis)
    rows = rows[rows.question == "inference, hadamard"]
    rows = rows[rows.baseline == "keras.layers.Dense"]
    rows = rows[rows[fixed] == value].set_index("backend")
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for backend in BACKENDS:
        of = rows.loc[backend]
        axes.plot(of[axis], of.ratio, "o-", label=backend)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel(axis)
    axes.set_ylabel("times faster than Dense")
    axes.set_title(f"{fixed} {value}, compiled inference")
    axes.legend(frameon=False)
    figure.tight_layout()
    path = ROOT / "docs/images" / file
    figure.savefig(path, dpi=120, metadata={"Software": None})


if __name__ == "__main__":
    ratios("d", "batch", 256, "benchmark_width.png")
    ratios("batch", "d", 4096, "benchmark_batch.png")
