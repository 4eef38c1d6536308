"""Writes the tables of README and docs from the committed results.

python tools/results.py          rewrites the files in PAGES
python tools/results.py --check  fails where one is not up to date
"""

import re
import sys
from functools import partial

import benchmark_tables
import eugen_tables
import layer_tables
import transformer_tables
import tutorial_tables
from cells import ROOT
from cells import NotRun

PAGES = (
    "README.md",
    "docs/results.md",
    "docs/benchmarks.md",
    "docs/api/transfer.md",
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
    "classification": tutorial_tables.classification,
    "rates": tutorial_tables.rates,
    "autoencoder": tutorial_tables.autoencoder,
    "reconstructions": tutorial_tables.reconstructions,
    "sizes": tutorial_tables.sizes,
    "opened": tutorial_tables.opened,
    "federated": tutorial_tables.federated,
    "compression": tutorial_tables.compression,
    "bert": tutorial_tables.bert,
    "gpt": transformer_tables.gpt,
    "vit": transformer_tables.vit,
    "eugen_speed": eugen_tables.speed,
    "eugen_synthetic": eugen_tables.synthetic,
    "eugen_distilled": eugen_tables.distilled,
    "eugen_activations": eugen_tables.activations,
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
