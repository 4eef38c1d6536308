"""Runs tutorials and keeps what their cells print, for their pages.

    python tools/tutorial_outputs.py tutorials/01_classification.py

The outputs go to tutorials/results/NAME.outputs.json, each by the code that
printed it: a page with other code does not build.
"""

import contextlib
import io
import json
import re
import sys
from pathlib import Path

import jupytext

# Colours and bars of a terminal.
CONTROL = re.compile(r"\x1b\[[0-9;]*m|[^\n]*\r|\x08+")


def run(path):
    names = {"__name__": "__main__", "__file__": str(path)}
    kept = {}
    for cell in jupytext.read(path).cells:
        if cell.cell_type == "code" and cell.source:
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                exec(compile(cell.source, str(path), "exec"), names)
            kept[cell.source] = CONTROL.sub("", said.getvalue()).strip("\n")
            print(kept[cell.source], flush=True)
    file = path.parent / "results" / f"{path.stem}.outputs.json"
    file.write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name))
