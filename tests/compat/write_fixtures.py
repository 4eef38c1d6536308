"""Writes the files that every later release must load: one set a release.

    PYTHONPATH=tests python tests/compat/write_fixtures.py

The set goes to tests/compat/VERSION and is never written again: files that
are out in the world do not change either.
"""

import datetime
import json
import sys
from pathlib import Path

import keras
import numpy as np
from hardening import models

import keras_randproj

ROOT = Path(__file__).parent
# The same groups are in each `.keras` file: a few alone are enough.
WEIGHTS_TOO = (
    "projection_gaussian",
    "prp_hadamard",
    "prp_depth",
    "prp_tied",
    "prp_shared",
    "prp_trained",
    "eugen",
    "attention",
    "block",
    "nested",
)


def write(folder):
    """Writes every model, what it computes and what its matrices are.

    Args:
        folder: Path of a folder that is not there.

    Raises:
        FileExistsError: If it is.
    """
    folder.mkdir(parents=True)
    arrays, digests = {}, {}
    for name in models.MODELS:
        keras.backend.clear_session()
        model = models.build(name)
        model.save(folder / f"{name}.keras")
        if name in WEIGHTS_TOO:
            model.save_weights(folder / f"{name}.weights.h5")
        arrays[f"{name}.x"] = models.inputs(model)
        arrays[f"{name}.y"] = models.outputs(model)
        found = models.projections_of(model)
        digests[name] = [p.digest() for p in found]
        for k, projection in enumerate(found):
            arrays[f"{name}.p{k}"] = projection.materialize()
    np.savez_compressed(folder / "expected.npz", **arrays)
    manifest = {
        "keras_randproj": keras_randproj.__version__,
        "keras": keras.__version__,
        "backend": keras.backend.backend(),
        "date": datetime.date.today().isoformat(),
        "digests": digests,
    }
    text = json.dumps(manifest, indent=1)
    (folder / "manifest.json").write_text(text + "\n")


def main():
    folder = ROOT / keras_randproj.__version__
    try:
        write(folder)
    except FileExistsError:
        sys.exit(f"{folder} is there already: released files do not change")
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {len(models.MODELS)} models, {size:,} bytes")


if __name__ == "__main__":
    main()
