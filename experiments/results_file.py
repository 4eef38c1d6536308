"""The form that all results files have.

* `what`: the command that wrote the file
* `where`: an entry for each run: backend, machine, versions, date, commit
* `settings`: what holds for all rows
* `rows`: what was measured, a dict each
"""

import json
import subprocess
from pathlib import Path


def where(**versions):
    """Where this process runs, with versions of further packages."""
    from keras_randproj.demo import experiment

    found = experiment.where()
    found["versions"].update(versions)
    return {**found, "commit": _commit()}


def _commit():
    """Commit of the script's repository, if Git is there to say."""
    command = ["git", "describe", "--always", "--dirty"]
    here = Path(__file__).parent
    try:
        said = subprocess.run(command, cwd=here, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return said.stdout.strip() or None


def write(path, what, where, rows, **settings):
    """Writes a results file.

    Args:
        path: `Path` of the file; its folder is made where it is not there.
        what: String, the command.
        where: List of what `where` returned, one entry a run.
        rows: List of dicts.
        **settings: What holds for all rows.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    found = {"what": what, "where": where, "settings": settings, "rows": rows}
    path.write_text(json.dumps(found, indent=1) + "\n")
