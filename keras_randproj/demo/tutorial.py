"""What tutorials and experiments share: their size, and where pictures go.

With RANDPROJ_TUTORIAL_FAST=1 a tutorial runs in seconds on scikit-learn's
digits, and writes below `build/` instead of over what is committed.
"""

import os
from pathlib import Path

from keras_randproj.demo import datasets

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
    folder = TRIAL if FAST else Path("docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name
