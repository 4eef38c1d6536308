"""What tutorials and experiments share: sizes, results files, pictures.

With RANDPROJ_TUTORIAL_FAST=1 a tutorial runs in seconds on scikit-learn's
digits, and writes below `build/` instead of over the committed results.
"""

import json
import os
from pathlib import Path

from keras_randproj.demo import datasets
from keras_randproj.demo.experiment import where

FAST = os.environ.get("RANDPROJ_TUTORIAL_FAST", "0") == "1"
TRIAL = Path("build/tutorials-fast")


def load(name):
    """`datasets.load(name)`, or 640 digits where tutorials run fast."""
    if not FAST:
        return datasets.load(name)
    (x, y), test = datasets.load("digits")
    return (x[:640], y[:640]), test


def picture(name):
    """Where a picture of this name goes."""
    return _inside(TRIAL if FAST else Path("docs/images"), name)


class Results:
    """A results file, in the form of all, written row by row.

    A row that is there already is shown and not computed again, so that a
    long run can be stopped and continued; delete the file to start over.

    Args:
        name: Name of the script and of the file, without their endings.
        **settings: What holds for all rows.
    """

    def __init__(self, name, **settings):
        folder = TRIAL if FAST else Path("experiments/results")
        self.path = _inside(folder, f"{name}.json")
        self.rows: list[dict] = []
        self.settings = settings
        self.runs = [where()]
        if self.path.exists() and not FAST:
            found = json.loads(self.path.read_text())
            self.rows = found["rows"]
            # Rows may come from several runs, each with its backend.
            before = [run for run in found["where"] if run not in self.runs]
            self.runs = [*before, *self.runs]
            print(
                f"{self.path} holds {len(self.rows)} rows, which are not "
                "computed again. Delete the file to start over."
            )
            for row in self.rows:
                print("found", json.dumps(row), flush=True)

    def row(self, make, **key):
        """The row of this key, from the file or from `make()`.

        What is computed is told before, as it may take minutes, and after.

        Args:
            make: Function without arguments that returns a dict of numbers.
            **key: What tells the row from others.

        Returns:
            Dict: the key and the numbers.
        """
        for row in self.rows:
            if all(row.get(k) == v for k, v in key.items()):
                return row
        print("computing", json.dumps(key), flush=True)
        row = {**key, **make()}
        print("computed", json.dumps(row), flush=True)
        self.rows.append(row)
        document = {
            "what": f"python experiments/{self.path.stem}.py",
            "where": self.runs,
            "settings": self.settings,
            "rows": self.rows,
        }
        self.path.write_text(json.dumps(document, indent=1) + "\n")
        return row


def _inside(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
