"""Checking the seeds of a file, without building its model."""

from dataclasses import dataclass

import h5py

from keras_randproj import config
from keras_randproj import matrices
from keras_randproj.files.reader import groups
from keras_randproj.files.reader import open_weights
from keras_randproj.files.record import Record
from keras_randproj.files.record import is_record


@dataclass(frozen=True)
class Verdict:
    """What became of one projection of a file.

    Args:
        layer: Path of the layer in the file.
        record: What the file says of it, or `None` if that is unreadable.
        problem: Why it failed; empty where it is as recorded.
    """

    layer: str
    record: Record | None
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem


def verify(path):
    """Makes every matrix of a file again and compares digests.

    Runs on the host, strip by strip, so that no matrix is ever whole in
    memory and no framework's device is used.

    Args:
        path: Path of a `.keras` or `.weights.h5` file.

    Returns:
        List of `Verdict`, one a projection.

    Raises:
        ValueError: If the file cannot be read as either.
    """
    with open_weights(path) as file:
        return [
            _check(name.removesuffix("/vars"), group)
            for name, group in groups(file)
            if is_record(group)
        ]


def _check(layer, group):
    record = None
    try:
        store = {
            name: item
            for name, item in group.items()
            if isinstance(item, h5py.Dataset)
        }
        record = Record.read(store, f"Layer '{layer}'")
        config.check_elements(record.shape, f"Layer '{layer}'")
        family = matrices.get(record.family, **record.options)
        digest = family.digest(record.seed, record.shape)
    except (TypeError, ValueError) as error:
        return Verdict(layer, record, str(error))
    if digest != record.digest:
        return Verdict(
            layer, record, f"seed {record.seed} gives the digest {digest}"
        )
    return Verdict(layer, record)


def text(verdicts):
    """A line for each verdict.

    Args:
        verdicts: What `verify` returned.

    Returns:
        String of one or more lines.
    """
    if not verdicts:
        return "The file holds no seeded projection."
    lines = []
    for verdict in verdicts:
        record = verdict.record
        what = "unreadable"
        if record is not None:
            rows, cols = record.shape
            what = (
                f"{record.family} {rows} x {cols}, seed {record.seed}, "
                f"contract {record.contract_version}, digest {record.digest}"
            )
        state = "ok" if verdict.ok else f"FAILED: {verdict.problem}"
        lines.append(f"{verdict.layer}: {what}: {state}")
    return "\n".join(lines)
