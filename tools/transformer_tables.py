"""Tables of the transformer tutorials, in Markdown."""

import statistics

from cells import head
from cells import row
from cells import spread
from cells import tutorial
from cells import where

# Backends whose steps and decoding are timed.
SPEEDS = ("torch", "jax")


def gpt():
    """The character GPT's variants, over their seeds."""
    data = tutorial("03_transformer.json")
    runs: dict = {}
    speed: dict = {}
    for r in data["rows"]:
        if r["question"] == "speed":
            speed[r["variant"], r["backend"]] = r
        else:
            runs.setdefault(r["variant"], []).append(r)
    base = runs["Dense"]
    lines = head(
        "4 layers, width 128",
        "seeds",
        "held-out loss",
        "above Dense",
        "trained numbers",
        "of attention",
        "inference reads",
        "file, bytes",
        *(f"ms a step, {b}" for b in SPEEDS),
        *(f"characters/s, {b}" for b in SPEEDS),
    )
    for name, rows in runs.items():
        gap = _mean(rows, "loss") - _mean(base, "loss")
        lines.append(
            row(
                name,
                str(len(rows)),
                spread([r["loss"] for r in rows], digits=3),
                f"{gap:+.3f}",
                *(
                    f"{rows[0][key]:,}"
                    for key in (
                        "trainable",
                        "attention",
                        "inference",
                        "file_bytes",
                    )
                ),
                *(
                    _cell(speed.get((name, backend)), key)
                    for key in ("step_ms", "characters_per_second")
                    for backend in SPEEDS
                ),
            )
        )
    return [
        *lines,
        "",
        f"`python tutorials/03_transformer.py`, {data['steps']:,} steps; "
        f"{where(data)}.",
    ]


def vit():
    """The vision transformer's variants."""
    data = tutorial("08_vision_transformer.json")
    lines = head(
        "6 layers, width 64",
        "accuracy",
        "trained numbers",
        "inference reads",
        "file, bytes",
        "images/s",
    )
    speeds = {
        r["variant"]: f"{r['images_per_second']:.0f}"
        for r in data["rows"]
        if r["question"] == "speed"
    }
    for r in data["rows"]:
        if r["question"] == "speed":
            continue
        lines.append(
            row(
                r["variant"],
                f"{r['accuracy']:.2%}",
                f"{r['trainable']:,}",
                f"{r['inference']:,}",
                f"{r['file_bytes']:,}",
                speeds.get(r["variant"], "not measured"),
            )
        )
    trained = {r["variant"] for r in data["rows"] if "accuracy" in r}
    for name, found in speeds.items():
        if name not in trained:
            lines.append(row(name, "not trained", "-", "-", "-", found))
    return [
        *lines,
        "",
        f"`python tutorials/08_vision_transformer.py`, {data['epochs']} "
        f"epochs; {where(data)}.",
    ]


def _cell(found, key):
    return "not measured" if found is None else f"{found[key]:.0f}"


def _mean(rows, key):
    return statistics.mean(r[key] for r in rows)
