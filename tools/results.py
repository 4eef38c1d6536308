"""Writes the tables of README and docs from the committed results.

python tools/results.py          rewrites the files in PAGES
python tools/results.py --check  fails where one is not up to date
"""

import re
import sys
from functools import partial

import ablation_tables
import benchmark_tables
import distribution_tables
import eugen_tables
import export_tables
import hardening_tables
import implicit_tables
import layer_tables
import transformer_tables
import tutorial_tables
from cells import ROOT
from cells import NotRun

PAGES = (
    "README.md",
    "docs/results.md",
    "docs/benchmarks.md",
    "docs/scaling.md",
    "docs/api/transfer.md",
    "docs/export.md",
    "docs/files.md",
)
ABLATIONS = (
    "residual",
    "depth",
    "families",
    "share",
    "rnn",
    "cnn",
    "graph",
    "table",
)
TABLES = {
    "mnist": layer_tables.mnist,
    "layer": benchmark_tables.summary,
    "targets": benchmark_tables.targets,
    "roofline": benchmark_tables.roofline,
    **{
        q: partial(benchmark_tables.table, q)
        for q in benchmark_tables.QUESTIONS
    },
    "epoch": partial(benchmark_tables.table, "mnist"),
    "classification": tutorial_tables.classification,
    "convolutions": tutorial_tables.convolutions,
    "rates": tutorial_tables.rates,
    "autoencoder": tutorial_tables.autoencoder,
    "reconstructions": tutorial_tables.reconstructions,
    "denoising": tutorial_tables.denoising,
    "scene": implicit_tables.scene,
    "scene_pictures": implicit_tables.scene_pictures,
    "image": implicit_tables.image,
    "image_pictures": implicit_tables.image_pictures,
    "sizes": tutorial_tables.sizes,
    "opened": tutorial_tables.opened,
    "federated": tutorial_tables.federated,
    "compression": tutorial_tables.compression,
    "bert": tutorial_tables.bert,
    **{
        f"ablation_{question}": ablation_tables.accuracies(question)
        for question in ABLATIONS
    },
    "ablation_activation": ablation_tables.activations,
    "ablation_attention": ablation_tables.attention,
    "gpt": transformer_tables.gpt,
    "vit": transformer_tables.vit,
    "eugen_speed": eugen_tables.speed,
    "eugen_synthetic": eugen_tables.synthetic,
    "eugen_distilled": eugen_tables.distilled,
    "eugen_activations": eugen_tables.activations,
    "communication": distribution_tables.communication,
    "sharding": distribution_tables.sharding,
    "fuzz": hardening_tables.fuzz,
    "killed": hardening_tables.killed,
    "rounds": hardening_tables.rounds,
    "export_sizes": export_tables.sizes,
}


def filled(text):
    """The text with a table between each pair of marks."""
    for name, table in TABLES.items():
        start, stop = f"<!-- results:{name} -->", f"<!-- /results:{name} -->"
        if start in text:
            try:
                lines = table()
            except NotRun as missing:
                lines = [f"Not run in full yet: `python {missing}`"]
            block = "\n".join([start, "", *lines, "", stop])
            pattern = f"{re.escape(start)}.*?{re.escape(stop)}"
            text = re.sub(pattern, lambda _, b=block: b, text, flags=re.S)
    return text


def main(check):
    for name in PAGES:
        path = ROOT / name
        old = path.read_text()
        new = filled(old)
        if check and new != old:
            sys.exit(f"{name} is not up to date: run python tools/results.py")
        path.write_text(new)


if __name__ == "__main__":
    main(check="--check" in sys.argv[1:])
