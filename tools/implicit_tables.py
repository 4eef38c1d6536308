"""Tables of the tutorial on implicit representations."""

from cells import head
from cells import picture
from cells import row
from cells import tutorial
from cells import where

NAME = "04_implicit_3d"


def scene():
    """Quality and cost of the radiance fields."""
    data = _results()
    lines = head(
        "layers 2 to 4",
        "PSNR, dB",
        "trained numbers",
        "bytes",
        "products a point",
        "seconds to make",
        "a view",
    )
    for r in data["rows"]:
        if r["question"] == "scene":
            lines.append(
                row(
                    r["model"],
                    f"{r['psnr']:.2f}",
                    f"{r['trained_numbers']:,}",
                    f"{r['file_bytes']:,}",
                    f"{r['multiplications']:,}",
                    f"{r['training_seconds']:.1f}",
                    f"{r['view_seconds']:.2f}",
                )
            )
    side = data["side"]
    return [
        *lines,
        "",
        f"`python tutorials/04_implicit_3d.py`; {data['views']} views of "
        f"{side} x {side} pixels, {data['epochs']} epochs, one seed; PSNR on 4 "
        f"other views; processor seconds; {where(data)}.",
    ]


def image():
    """Quality and cost of the networks of sines."""
    data = _results()
    lines = head("hidden layers", "PSNR, dB", "trained numbers", "bytes")
    for r in data["rows"]:
        if r["question"] == "image":
            lines.append(
                row(
                    r["model"],
                    f"{r['psnr']:.2f}",
                    f"{r['trained_numbers']:,}",
                    f"{r['file_bytes']:,}",
                )
            )
    return lines


def scene_pictures():
    """The pictures of a held-out view."""
    return [picture(NAME, "04_scene.png", "A held-out view, by each model")]


def image_pictures():
    """The fitted photograph."""
    return [picture(NAME, "04_image.png", "The photograph, by each model")]


def _results():
    return tutorial(f"{NAME}.json")
