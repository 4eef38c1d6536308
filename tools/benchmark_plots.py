"""Draws the pictures of docs/benchmarks.md from the committed results.

python tools/benchmark_plots.py
"""

import benchmark_tables
import matplotlib.pyplot as plt
from cells import BACKENDS
from cells import ROOT

IMAGES = ROOT / "docs/images"


def ratios(fixed, value, axis, file):
    """Ratio to Dense of the Hadamard layer against one axis."""
    figure, axes = plt.subplots(figsize=(6, 3.6))
    for backend in BACKENDS:
        points = sorted(
            (key[axis], rows[backend]["ratio"])
            for key, rows in benchmark_tables.cases("inference").items()
            if key[0] == "inference, hadamard"
            and key[3] == "keras.layers.Dense"
            and key[fixed] == value
            and backend in rows
        )
        axes.plot(*zip(*points, strict=True), "o-", label=backend)
    axes.axhline(1, color="grey", linewidth=0.8)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set_xlabel(("", "d", "batch")[axis])
    axes.set_ylabel("times faster than Dense")
    axes.set_title(f"{('', 'd', 'batch')[fixed]} {value}, compiled inference")
    axes.legend(frameon=False)
    figure.tight_layout()
    figure.savefig(IMAGES / file, dpi=120, metadata={"Software": None})


def main():
    ratios(2, 256, 1, "benchmark_width.png")
    ratios(1, 4096, 2, "benchmark_batch.png")


if __name__ == "__main__":
    main()
