"""Where a result came from, and where it goes."""

import importlib.metadata
import json
import os
import platform
from pathlib import Path

import keras

RESULTS = Path(__file__).parent / "results"


def provenance():
    """The machine and the versions that a result belongs to."""
    names = ("keras", "numpy", "torch", "jax", "tensorflow", "keras-randproj")
    return {
        "backend": keras.backend.backend(),
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "system": platform.platform(),
            "load_average_at_start": os.getloadavg()[0],
        },
        "versions": {
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in names},
        },
    }


def _processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def write(name, result):
    """Writes a result as JSON under `benchmarks/results`."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / name
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(f"wrote {path}")
