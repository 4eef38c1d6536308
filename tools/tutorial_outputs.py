"""Runs tutorials and keeps what their cells print, for their pages.

    python tools/tutorial_outputs.py tutorials/01_classification.py

The outputs go to tutorials/results/NAME.outputs.json, each with a digest of
the code that printed it: a page with other code does not build.
"""

import contextlib
import hashlib
import io
import json
import re
import sys
from pathlib import Path

import jupytext

ROOT = Path(__file__).resolve().parent.parent
# Colours and bars of a terminal.
CONTROL = re.compile(r"\x1b\[[0-9;]*m|[^\n]*\r|\x08+")


def code_cells(path):
    """Sources of the cells of code of a script."""
    cells = jupytext.read(path).cells
    return [c.source for c in cells if c.cell_type == "code" and c.source]


def digest(code):
    return hashlib.blake2b(code.encode(), digest_size=8).hexdigest()


def file_of(path):
    return ROOT / "tutorials" / "results" / f"{path.stem}.outputs.json"


def outputs(path):
    """What each cell printed, by its code.

    Raises:
        ValueError: If a cell has changed since.
    """
    kept = json.loads(file_of(path).read_text())
    found = {}
    for code, entry in zip(code_cells(path), kept, strict=True):
        if entry["code"] != digest(code):
            raise ValueError(
                f"{path.name} has changed: run `python "
                f"tools/tutorial_outputs.py {path}`. Changed cell:\n{code}"
            )
        found[code] = entry["output"]
    return found


def run(path):
    names = {"__name__": "__main__", "__file__": str(path)}
    kept = []
    for code in code_cells(path):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(code, str(path), "exec"), names)
        text = CONTROL.sub("", said.getvalue()).strip("\n")
        print(text, flush=True)
        kept.append({"code": digest(code), "output": text})
    file_of(path).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        run(Path(name))
