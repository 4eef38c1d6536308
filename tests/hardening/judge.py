"""What becomes of a damaged file: one of a few words."""

import contextlib
import io
import json
import zipfile
import zlib
from pathlib import Path
from unittest import mock

import keras
import numpy as np

import keras_randproj
from keras_randproj import cli
from keras_randproj.files import apart
from keras_randproj.report.sizes import nbytes

from . import models
from . import sentinel
from .mutations import archive
from .outcomes import CONFIGURATION
from .outcomes import EXECUTED
from .outcomes import IDENTICAL
from .outcomes import MEMORY
from .outcomes import MOVED
from .outcomes import NUMBERS
from .outcomes import OUTSIDE
from .outcomes import REFUSED
from .outcomes import SILENT
from .outcomes import UNCLEAN

# What a caller may have to catch: Keras, h5py and zipfile raise all of
# these. The package's own code raises the first two only.
CLEAN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OSError,
    EOFError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)
OWN = CLEAN[:2]
PACKAGE = str(Path(keras_randproj.__file__).parent)
SUFFIXES = {
    "keras": "keras",
    "weights": "weights.h5",
    "shards": "weights.json",
    "config": "json",
}
# Bytes of a shard, of which a small model has several.
SHARD = 64
NO_MEMORY = ("unable to allocate", "allocate memory", "resource_exhausted")


class Target:
    """An intact file and what it loads to.

    Args:
        name: Key of `models.MODELS`.
        kind: `"keras"`, `"weights"`, `"shards"` or `"config"`.
        folder: Path of a folder for files.

    Attributes:
        data: Bytes of the file; of an archive of all of them for shards.
    """

    def __init__(self, name, kind, folder):
        self.name = name
        self.kind = kind
        self.model = models.build(name)
        if kind == "config":
            text = json.dumps(keras.saving.serialize_keras_object(self.model))
            self.data = text.encode()
        else:
            path = folder / f"m.{SUFFIXES[kind]}"
            if kind == "keras":
                self.model.save(path)
            elif kind == "weights":
                self.model.save_weights(path)
            else:
                largest = max(nbytes([w]) for w in self.model.weights)
                size = max(SHARD, largest) / 2**30
                self.model.save_weights(path, max_shard_size=size)
            # One name for the index and its shards.
            written = sorted(folder.glob("m[._]*weights.*"))
            if kind == "shards":
                self.data = archive.pack(
                    {each.name: each.read_bytes() for each in written}
                )
            else:
                self.data = path.read_bytes()
            for each in written:
                each.unlink(missing_ok=True)
        self.secret = self.data
        if kind == "shards":
            self.secret = archive.members(self.data)["m_00000.weights.h5"]
        self.digests = digests(self.model)
        self.config = self.model.get_config()
        self.state = state(self.model)

    def load(self, path):
        """The model of a file, none of it left over from an earlier one."""
        if self.kind == "keras":
            return keras.models.load_model(path, safe_mode=True)
        if self.kind == "config":
            config = json.loads(path.read_bytes())
            model = keras.saving.deserialize_keras_object(
                config, safe_mode=True
            )
            if isinstance(model, keras.Model):
                models.outputs(model)
            return model
        for weight in self.model.trainable_weights:
            weight.assign(np.zeros(weight.shape, "float32"))
        for projection in models.projections_of(self.model):
            projection.set_seed(1)
        self.model.load_weights(path)
        return self.model

    def outcome_of(self, model):
        """Which of `LOADED`, or `SILENT`."""
        if not isinstance(model, keras.Model):
            return CONFIGURATION
        try:
            for projection in models.projections_of(model):
                projection.check_weights()
        except ValueError:
            return SILENT
        if self.kind == "config":
            found = json.dumps(model.get_config())
            return (
                IDENTICAL if found == json.dumps(self.config) else CONFIGURATION
            )
        found = digests(model)
        if not set(found) <= set(self.digests):
            return SILENT
        if _without_seeds(model.get_config()) != _without_seeds(self.config):
            return CONFIGURATION
        if found != self.digests:
            return MOVED
        there = state(model)
        same = len(there) == len(self.state) and all(
            np.array_equal(a, b) for a, b in zip(there, self.state, strict=True)
        )
        return IDENTICAL if same else NUMBERS


def digests(model):
    return [p.digest() for p in models.projections_of(model)]


def state(model):
    """Outputs and all weights."""
    return [models.outputs(model), *model.get_weights()]


def _without_seeds(config):
    """The architecture; a file's weights bring their seeds along."""
    if isinstance(config, dict):
        return {
            key: _without_seeds(value)
            for key, value in config.items()
            if key not in ("seed", "projection_seed", "tie")
        }
    if isinstance(config, (list, tuple)):
        return [_without_seeds(value) for value in config]
    return config


class Judge:
    """Loads damaged files under watch.

    Args:
        folder: Path of the folder for files, the only one written to.
        bound: Integer, bytes by which the address space may grow.
    """

    def __init__(self, folder, bound):
        self.folder = folder
        self.bound = bound
        self.sentinel = sentinel.Sentinel(folder)
        self.failures = []
        sentinel.record_failures(self.failures)

    def judge(self, target, data):
        """Outcome and what is to be said of it.

        Args:
            target: The `Target` whose file was damaged.
            data: Bytes of the damaged file.

        Returns:
            Pair of one of `OUTCOMES` and a string.
        """
        if target.kind == "shards":
            path = self.folder / "m.weights.json"
            for each in self.folder.glob("m_*.weights.h5"):
                each.unlink()
            for name, part in archive.members(data).items():
                (self.folder / name).write_bytes(part)
        else:
            path = self.folder / f"mutant.{SUFFIXES[target.kind]}"
            path.write_bytes(data)
        self.failures.clear()
        with self.sentinel.watching() as seen:
            try:
                with sentinel.bounded(self.bound):
                    outcome = target.outcome_of(target.load(path)), ""
            except Exception as error:
                outcome = self._of_error(error)
            unclean = self._report(path)
            if unclean:
                outcome = UNCLEAN, unclean
        return (EXECUTED, str(seen)) if seen else outcome

    def _report(self, path):
        """What is wrong with `keras-randproj report`; empty if nothing is."""
        printed = io.StringIO()
        try:
            with (
                sentinel.bounded(self.bound),
                contextlib.redirect_stdout(printed),
                contextlib.redirect_stderr(printed),
                # In this process, where the sentinel sees what it does.
                mock.patch.object(apart, "apart", lambda function: function()),
            ):
                status = cli.main(["report", str(path)])
        except Exception as error:
            return f"report: {type(error).__name__}: {error}"[:500]
        text = printed.getvalue()
        clean = all(line.isprintable() for line in text.split("\n"))
        if status in (0, 2) and clean and "Traceback" not in text:
            return ""
        return f"report: status {status}, {text!a}"[:500]

    def _of_error(self, error):
        said = f"{type(error).__name__}: {error}"[:500]
        greedy = [
            saveable
            for saveable, failure in self.failures
            if any(_no_memory(each) for each in _chain(failure))
        ]
        if greedy or any(_no_memory(each) for each in _chain(error)):
            theirs = greedy and all(
                type(saveable).__module__.startswith("keras.")
                for saveable in greedy
            )
            return OUTSIDE if theirs else MEMORY, f"{greedy}: {said}"
        errors = [error, *(failure for _, failure in self.failures)]
        errors = [each for outer in errors for each in _chain(outer)]
        if not isinstance(error, CLEAN):
            return UNCLEAN, said
        for each in errors:
            if _raised_by_us(each) and not isinstance(each, OWN):
                return UNCLEAN, f"{type(each).__name__}: {each} in {said}"
        return REFUSED, said


def _chain(error):
    """The exception and those that it was raised from."""
    while error is not None:
        yield error
        error = error.__cause__


def _no_memory(error):
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(t in text for t in NO_MEMORY)


def _raised_by_us(error):
    frames = error.__traceback__
    if frames is None:
        return False
    while frames.tb_next is not None:
        frames = frames.tb_next
    return frames.tb_frame.f_code.co_filename.startswith(PACKAGE)
