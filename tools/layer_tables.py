"""Table of the demonstration."""

from cells import BACKENDS
from cells import benchmark


def mnist():
    """The demonstration on MNIST, one column of accuracy a backend."""
    runs = {b: benchmark(f"demo_mnist_{b}.json") for b in BACKENDS}
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
