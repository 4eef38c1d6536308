"""The demonstration's results as text and as a picture."""

from keras_randproj.report.text_table import text_table

COLUMNS = {
    "name": ("layers", "{}"),
    "trainable": ("parameters", "{:,}"),
    "reduction": ("fewer", "{:.1f}x"),
    "accuracy": ("accuracy", "{:.2%}"),
    "seconds_per_epoch": ("s/epoch", "{:.2f}"),
    "file_bytes": ("file, bytes", "{:,}"),
    "compact_bytes": ("compressed", "{:,}"),
    "reload_exact": ("exact reload", "{}"),
}


def text(results):
    """One table, a row a variant."""
    rows = []
    for row in results["rows"]:
        row = {**row, "reload_exact": "yes" if row["reload_exact"] else "NO"}
        rows.append([form.format(row[c]) for c, (_, form) in COLUMNS.items()])
    table = text_table([title for title, _ in COLUMNS.values()], rows)
    title = (
        f"{results['dataset']}, {results['epochs']} epochs, "
        f"{results['backend']} {results['versions'][results['backend']]}, "
        f"{results['machine']}"
    )
    return f"{title}\n\n{table}"


def verdict(results):
    """What the best random model keeps of Dense, in a sentence."""
    dense, *others = results["rows"]
    best = max(others, key=lambda row: row["accuracy"])
    kept = best["accuracy"] / dense["accuracy"]
    size = best["compact_bytes"] / dense["compact_bytes"]
    return (
        f"{best['name']} keeps {kept:.1%} of Dense's accuracy with "
        f"{best['reduction']:.0f} times fewer trainable parameters, in "
        f"{size:.1%} of the bytes of its compressed file."
    )


def plot(results, path):
    """Accuracy against trainable parameters, on a log axis.

    Args:
        results: What `experiment.run` returns.
        path: File to write.

    Raises:
        ImportError: If matplotlib is missing.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for row in results["rows"]:
        axes.scatter(row["trainable"], 100 * row["accuracy"], s=60, zorder=3)
        axes.annotate(
            row["name"],
            (row["trainable"], 100 * row["accuracy"]),
            xytext=(6, -12),
            textcoords="offset points",
            fontsize=9,
        )
    axes.set_xscale("log")
    axes.margins(x=0.25, y=0.15)
    axes.grid(alpha=0.3)
    axes.set_xlabel("trainable parameters")
    axes.set_ylabel("test accuracy, %")
    axes.set_title(f"{results['dataset']}, {results['epochs']} epochs")
    figure.savefig(path, dpi=150)
