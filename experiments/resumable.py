"""Results of a long run, which can be stopped and continued."""

import json
from pathlib import Path

from experiments.results_file import write
from keras_randproj.demo import tutorial
from keras_randproj.demo.experiment import where


class Results:
    """A results file, in the form of all, written row by row.

    A row that is there already is shown and not computed again, so that a
    long run can be stopped and continued; delete the file to start over.

    Args:
        name: Name of the script and of the file, without their endings.
        **settings: What holds for all rows.
    """

    def __init__(self, name, **settings):
        fast = tutorial.FAST
        folder = tutorial.TRIAL if fast else Path("experiments/results")
        self.path = folder / f"{name}.json"
        self.rows: list[dict] = []
        self.settings = settings
        self.runs = [where()]
        if self.path.exists() and not fast:
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
        what = f"python experiments/{self.path.stem}.py"
        write(self.path, what, self.runs, self.rows, **self.settings)
        return row
