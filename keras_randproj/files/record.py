"""What a file says of a matrix: enough to regenerate and check it."""

import json
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np

from keras_randproj import matrices
from keras_randproj.files.not_checked_error import NotCheckedError
from keras_randproj.files.printable import printable
from keras_randproj.matrices import CONTRACT_VERSION
from keras_randproj.matrices import Family
from keras_randproj.matrices.chosen_rows import check_rows

KEYS = ("contract_version", "digest", "family", "options", "seed", "shape")
# Bounds on what is read, so that a hostile file cannot make us read more.
_MAX_TEXT = 4096
# What a record has beside the keys where outputs are chosen.
ROWS = "rows"


@dataclass(frozen=True)
class Record:
    """The recipe of one matrix and the digest of its integers.

    Args:
        family: Name of the family.
        seed: Integer in `[0, 2**64)`.
        shape: `(input_dim, units)` of the matrix as the family makes it.
        options: The family's own options, `{"density": 0.1}` for instance.
        digest: 32 hexadecimal characters.
        contract_version: Integer, the version of `CONTRACT.md`.
        rows: The outputs that are chosen, or `None`; see `Family.choose`.

    Example:

    >>> record = Record("gaussian", seed=7, shape=(3, 2), digest="0" * 32)
    >>> record.matrix_family().matrix(record.seed, record.shape).shape
    (3, 2)
    """

    family: str
    seed: int
    shape: tuple[int, int]
    digest: str
    options: dict[str, Any] = field(default_factory=dict)
    contract_version: int = CONTRACT_VERSION
    rows: tuple[int, ...] | None = None

    def matrix_family(self) -> Family:
        """The family of this name, with these options and no others.

        Raises:
            ValueError: If no family has the name, it takes other options, or
                its outputs cannot be chosen.
        """
        family = matrices.from_options(self.family, self.options)
        return family if self.rows is None else family.choose(self.rows)

    def write(self, store: Any) -> None:
        """Writes the record into a dict-like store of arrays."""
        store["contract_version"] = np.array(self.contract_version, "int32")
        store["digest"] = np.frombuffer(bytes.fromhex(self.digest), "uint8")
        store["family"] = _encode(self.family)
        store["options"] = _encode(json.dumps(self.options, sort_keys=True))
        store["seed"] = np.array(self.seed, "uint64")
        store["shape"] = np.array(self.shape, "int64")
        if self.rows is not None:
            store[ROWS] = np.array(self.rows, "uint32")

    @classmethod
    def read(cls, store: Any, owner: str) -> "Record":
        """Reads a record, refusing one that is incomplete or malformed.

        Args:
            store: Dict-like store of arrays.
            owner: Who reads, for messages: "Layer 'prp_dense/projection'".

        Raises:
            ValueError: If a key is missing or has the wrong type, or the
                contract version is not one that this package knows.
        """
        missing = [key for key in KEYS if key not in store.keys()]
        if missing:
            raise ValueError(
                f"{owner}: the file lacks {missing}, so its projection cannot "
                "be regenerated and checked. It was not written by "
                "`keras_randproj`, or is damaged: save it again from the "
                "original model."
            )
        unknown = sorted(set(store.keys()) - {*KEYS, ROWS})
        if unknown:
            raise ValueError(
                f"{owner}: the file has {printable(str(unknown))} beside its "
                "recipe, which no version of the contract has. It is damaged, "
                "or was altered: load an intact copy."
            )
        version = _scalar(store, "contract_version", owner)
        if version != CONTRACT_VERSION:
            raise NotCheckedError(
                f"{owner}: the file follows version {version} of the matrix "
                f"contract; this `keras_randproj` knows version "
                f"{CONTRACT_VERSION}. Install a release that knows it."
            )
        shape = _array(store, "shape", owner, "i", (2,))
        digest = _bytes(store, "digest", owner)
        if shape.min() < 1:
            raise _malformed(owner, "shape", shape.tolist())
        if len(digest) != 16:
            raise _malformed(owner, "digest", digest.hex())
        return cls(
            family=_text(store, "family", owner),
            seed=_scalar(store, "seed", owner),
            shape=(int(shape[0]), int(shape[1])),
            digest=digest.hex(),
            options=_options(store, owner),
            rows=_rows(store, int(shape[1]), owner),
        )


def is_record(store) -> bool:
    """Whether a group of a file holds a record, or what is left of one."""
    left = set(KEYS).intersection(store.keys())
    return bool(left & {"contract_version", "digest"}) or len(left) > 1


def _encode(text):
    return np.frombuffer(text.encode(), "uint8")


def _scalar(store, key, owner):
    value = _array(store, key, owner, "iu", ())
    if value < 0:
        raise _malformed(owner, key, int(value))
    return int(value)


def _rows(store, units, owner):
    if ROWS not in store.keys():
        return None
    entry = store[ROWS]
    # As many as there are outputs, in a file that really holds them.
    found = _array(store, ROWS, owner, "u", (units,), most=units)
    try:
        return check_rows(found)
    except ValueError:
        raise _malformed(owner, ROWS, entry) from None


def _options(store, owner):
    text = _text(store, "options", owner)
    try:
        options = json.loads(text)
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict):
        raise _malformed(owner, "options", text)
    return options


def _text(store, key, owner):
    data = _bytes(store, key, owner)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise _malformed(owner, key, data) from None


def _bytes(store, key, owner):
    data = _array(store, key, owner, "u", None)
    if data.dtype != "uint8" or data.ndim != 1:
        raise _malformed(owner, key, data.tolist())
    return data.tobytes()


def _array(store, key, owner, kinds, shape, most=_MAX_TEXT):
    """A small integer array, checked before it is read."""
    entry = store[key]
    found = tuple(getattr(entry, "shape", (None,)))
    if len(found) > 1 or (found and (found[0] or 0) > most):
        raise _malformed(owner, key, f"an array of shape {found}")
    if getattr(entry, "value", entry) is None:  # A `hdf5.Array`, not read.
        raise _malformed(owner, key, f"{found} that is compressed, in chunks")
    value = np.asarray(entry)
    if value.dtype.kind not in kinds or (shape is not None and found != shape):
        raise _malformed(owner, key, value.tolist())
    return value


def _malformed(owner, key, received):
    return ValueError(
        f"{owner}: `{key}` in the file is malformed, so its projection cannot "
        f"be regenerated. Received: {key}={printable(repr(received))}"
    )
