"""What the file of an adapter holds, and whether it is whole."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from keras_randproj import _install
from keras_randproj.files.not_checked_error import NotCheckedError
from keras_randproj.files.printable import printable
from keras_randproj.files.record import Record
from keras_randproj.files.safetensors_file import SUFFIX
from keras_randproj.files.safetensors_file import once
from keras_randproj.files.safetensors_file import read_safetensors
from keras_randproj.files.source import MAX_BYTES
from keras_randproj.files.source import PIECE
from keras_randproj.files.whole_file import write_whole
from keras_randproj.matrices import CONTRACT_VERSION

FORMAT = "keras_randproj.adapter"
VERSION = "1"
# Of the trained parameters in a file.
DTYPES = {"float32": "F32", "bfloat16": "BF16", "int8": "I8"}
MAX_LAYERS = 2**16
# Of one layer.
MAX_FORMS = 64
# Of a file that `verify` or `report` reads into memory.
MAX_READ = 2**27
RECIPE_KEYS = {"contract_version", "forms", "kinds", "layers", "matrices"}
# Bytes of what a base layer is known by.
FINGERPRINT = 8


@dataclass(frozen=True)
class AdaptedPlace:
    """What a file says of one adapted layer.

    Args:
        path: Path of the layer.
        kind: Name of its class.
        shape: `(rows, cols)` of its kernel as a matrix.
        forms: Indices into the recipe's forms.
    """

    path: str
    kind: str
    shape: tuple[int, int]
    forms: tuple[int, ...]


@dataclass(frozen=True)
class AdapterFile:
    """The contents of an adapter's file.

    Args:
        forms: List of dicts, the forms as JSON values.
        layers: List of `AdaptedPlace`.
        matrices: List of `Record`, the seed-made matrices.
        fingerprints: uint8 array `(layers, 8)`, of the base's weights.
        canary: float32 array `(layers,)`, of outputs of a fixed probe.
        vectors: All that was learned, in one array, in the file's dtype.
        scales: float32 array, of int8 vectors; else empty.
    """

    forms: list[dict[str, Any]]
    layers: list[AdaptedPlace]
    matrices: list[Record]
    fingerprints: np.ndarray
    canary: np.ndarray
    vectors: np.ndarray
    scales: np.ndarray

    @property
    def dtype(self) -> str:
        """`"float32"`, `"bfloat16"` or `"int8"`."""
        return self.vectors.dtype.name

    @property
    def learned_bytes(self) -> int:
        """Bytes of the trained parameters in the file."""
        return self.vectors.nbytes

    def write(self, path) -> None:
        """Writes the file; what was there stays until all is written.

        Raises:
            ImportError: If the package `safetensors` is not installed.
        """
        save_arrays = _library().save
        recipe = json.dumps(self._recipe(), separators=(",", ":"))
        arrays = self._arrays()
        metadata = {
            "format": FORMAT,
            "version": VERSION,
            "recipe": recipe,
            "checksum": checksum(recipe, arrays),
        }
        data = save_arrays(arrays, metadata)
        write_whole(path, lambda partial: partial.write_bytes(data))

    @classmethod
    def read(cls, path, max_bytes: int = MAX_BYTES) -> "AdapterFile":
        """The contents of a file, once they are known to be whole.

        Raises:
            NotCheckedError: If the file is too large, or of a later version.
            ValueError: If it is no adapter's, damaged or edited.
        """
        metadata, arrays = read_safetensors(path, max_bytes)
        if metadata.get("format") != FORMAT:
            raise ValueError(
                "The file holds no adapter of keras_randproj. "
                f"Received: format={printable(repr(metadata.get('format')))}"
            )
        if metadata.get("version") != VERSION:
            raise NotCheckedError(
                "The file is of another version of the format: install a "
                "release that knows it. "
                f"Received: version={printable(repr(metadata['version']))}"
                if "version" in metadata
                else "The file names no version of its format."
            )
        recipe = metadata.get("recipe", "")
        if metadata.keys() != {"format", "version", "recipe", "checksum"}:
            raise ValueError(
                "The metadata of the file are not those of an adapter. "
                f"Received: {printable(str(sorted(metadata)))}"
            )
        if metadata["checksum"] != checksum(recipe, arrays):
            raise ValueError(
                "The file was damaged or edited: its checksum is that of "
                "other contents. Load an intact copy."
            )
        return cls._from(_parsed(recipe), arrays)

    @classmethod
    def _from(cls, recipe, arrays):
        kinds = [_kind(entry, recipe) for entry in recipe["kinds"]]
        layers = []
        for path, index in recipe["layers"].items():
            if not _integers([index], 0, len(kinds) - 1):
                raise _malformed("layers", {path: index})
            layers.append(AdaptedPlace(path, *kinds[index]))
        records = [_record(entry, recipe) for entry in recipe["matrices"]]
        found = cls(
            forms=recipe["forms"],
            layers=layers,
            matrices=records,
            fingerprints=arrays.get("fingerprints", np.zeros(0)),
            canary=arrays.get("canary", np.zeros(0)),
            vectors=arrays.get("vectors", np.zeros(0)),
            scales=arrays.get("scales", np.zeros(0, "float32")),
        )
        count = len(layers)
        for name, shape, dtypes in (
            ("fingerprints", (count, FINGERPRINT), ["uint8"]),
            ("canary", (count,), ["float32"]),
            ("vectors", found.vectors.shape[:1], list(DTYPES)),
            ("scales", found.scales.shape[:1], ["float32"]),
        ):
            array = getattr(found, name)
            if array.shape != shape or array.dtype.name not in dtypes:
                raise ValueError(
                    f"`{name}` in the file is malformed. Received: "
                    f"{array.dtype.name} of shape {array.shape}"
                )
            if not _finite(array):
                raise ValueError(f"`{name}` in the file is not finite.")
        if arrays.keys() - {"fingerprints", "canary", "vectors", "scales"}:
            raise ValueError(
                "The file holds arrays that no adapter has. Received: "
                f"{printable(str(sorted(arrays)))}"
            )
        return found

    def _recipe(self):
        kinds = []
        layers = {}
        for place in self.layers:
            kind = [place.kind, [*place.shape], [*place.forms]]
            if kind not in kinds:
                kinds.append(kind)
            layers[place.path] = kinds.index(kind)
        return {
            "contract_version": CONTRACT_VERSION,
            "forms": self.forms,
            "kinds": kinds,
            "layers": layers,
            "matrices": [
                [r.family, r.options, r.seed, [*r.shape], r.digest]
                for r in self.matrices
            ],
        }

    def _arrays(self):
        arrays = {
            "canary": self.canary,
            "fingerprints": self.fingerprints,
            "vectors": self.vectors,
        }
        if self.scales.size:
            arrays["scales"] = self.scales
        return {k: np.ascontiguousarray(v) for k, v in arrays.items()}


def checksum(recipe, arrays):
    """BLAKE2b-128 of all that a file says."""
    hasher = hashlib.blake2b(recipe.encode(), digest_size=16)
    for name, array in sorted(arrays.items()):
        hasher.update(f"\0{name} {array.dtype.name} {array.shape}\0".encode())
        hasher.update(np.ascontiguousarray(array).view("u1").data)
    return hasher.hexdigest()


def _finite(array):
    """Whether all of an array is finite; piece by piece, as it may be large."""
    flat = array.reshape(-1)
    pieces = range(0, flat.size, PIECE)
    return all(
        np.isfinite(flat[k : k + PIECE].astype("float32")).all() for k in pieces
    )


def _parsed(text):
    try:
        recipe = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError):
        recipe = None
    good = isinstance(recipe, dict) and recipe.keys() == RECIPE_KEYS
    if good and recipe["contract_version"] != CONTRACT_VERSION:
        raise NotCheckedError(
            "The file follows another version of the matrix contract; this "
            f"`keras_randproj` knows version {CONTRACT_VERSION}. Install a "
            "release that knows it."
        )
    if good:
        lists = [recipe[key] for key in ("forms", "kinds", "matrices")]
        good = all(isinstance(value, list) for value in lists)
        good = good and all(isinstance(form, dict) for form in recipe["forms"])
        good = good and isinstance(recipe["layers"], dict)
        good = good and 0 < len(recipe["layers"]) <= MAX_LAYERS
    if not good:
        raise _malformed("recipe", text)
    return recipe


def _kind(entry, recipe):
    good = isinstance(entry, list) and len(entry) == 3
    if good:
        kind, shape, forms = entry
        good = isinstance(kind, str)
        good = good and _integers(shape, 1, 2**48) and len(shape) == 2
        good = good and _integers(forms, 0, len(recipe["forms"]) - 1)
        good = good and len(forms) <= MAX_FORMS
    if not good:
        raise _malformed("kinds", entry)
    return kind, (shape[0], shape[1]), tuple(forms)


def _record(entry, recipe):
    good = isinstance(entry, list) and len(entry) == 5
    if good:
        family, options, seed, shape, digest = entry
        good = isinstance(family, str) and isinstance(options, dict)
        good = good and _integers([seed], 0, 2**64 - 1)
        good = good and _integers(shape, 1, 2**48) and len(shape) == 2
        good = good and isinstance(digest, str)
    if not good:
        raise _malformed("matrices", entry)
    return Record(family, seed, (shape[0], shape[1]), digest, options)


def _integers(values, least, most):
    return isinstance(values, list) and all(
        type(value) is int and least <= value <= most for value in values
    )


def _malformed(key, received):
    return ValueError(
        f"`{key}` in the file is malformed. "
        f"Received: {printable(repr(received))}"
    )


def check_name(path) -> None:
    """Refuses a path that `verify` and `load` would not know by its name.

    Raises:
        ValueError: If it does not end as such files do.
    """
    if not str(path).endswith(SUFFIX):
        raise ValueError(
            f"The file of an adapter must be named `*{SUFFIX}`. "
            f"Received: {str(path)!r}"
        )


def _library():
    try:
        import safetensors.numpy
    except ImportError:
        raise ImportError(
            "Writing an adapter needs the package safetensors: "
            f"{_install.advice('adapters')}"
        ) from None
    return safetensors.numpy
