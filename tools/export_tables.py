"""The table of exported files."""

from cells import benchmark
from cells import head
from cells import row

FORMATS = ("tf_saved_model", "onnx", "openvino", "litert", "torch")


def sizes():
    """Bytes of a layer in each format, a column a layer and form of P."""
    data = benchmark("export_sizes.json")
    columns = [
        ("Dense", "baked"),
        ("rademacher", "baked"),
        ("rademacher", "seed"),
        ("gaussian", "seed"),
        ("hadamard", "baked"),
    ]
    found = {
        (r["format"], r["backend"], r["layer"], r["export_projection"]): r
        for r in data["rows"]
    }
    size = data["runs"][0]["size"]
    lines = head(
        f"{size} -> {size}, bytes",
        "Dense",
        "P baked",
        "rademacher from its seed",
        "gaussian from its seed",
        "hadamard",
    )
    for name in FORMATS:
        for run in data["runs"]:
            backend = run["backend"]
            cells = [found.get((name, backend, *c)) for c in columns]
            if cells[0]:
                lines.append(
                    row(
                        f"`{name}`, {backend}",
                        *(f"{c['bytes']:,}" if c else "-" for c in cells),
                    )
                )
    worst = max(r["largest_difference"] for r in data["rows"])
    versions: dict = {}
    for run in data["runs"]:
        versions.update(run["versions"])
    skipped = ("python", "keras-randproj", "numpy")
    return [
        *lines,
        "",
        f"Largest difference of any output from the model's: {worst:.1e}. "
        "`python -m benchmarks.export_sizes`, "
        f"{data['runs'][0]['date']}; "
        + ", ".join(f"{k} {v}" for k, v in versions.items() if k not in skipped)
        + f"; {data['runs'][0]['device']}.",
    ]
