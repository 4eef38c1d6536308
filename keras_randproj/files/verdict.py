"""What became of one recipe of a file."""

from dataclasses import dataclass

from keras_randproj.files.printable import printable
from keras_randproj.files.record import Record

# Our own words, and at most 200 characters of the file's.
MAX_PROBLEM = 400


@dataclass(frozen=True)
class Verdict:
    """What became of one recipe of a file.

    Args:
        layer: Path of the layer in the file.
        record: What the file says of it, or `None` if that is unreadable.
        problem: Why it failed or was not checked; empty where the matrix is
            as recorded.
        checked: Whether it could be checked.
        name: The layer by its name in the model, as `report` prints it;
            empty where the file has none.

    Example:

    >>> Verdict("layers/dense", record=None, problem="no digest").text()
    'FAILED: layers/dense: no digest'
    """

    layer: str
    record: Record | None
    problem: str = ""
    checked: bool = True
    name: str = ""

    @property
    def ok(self) -> bool:
        """Whether the matrix is the one that the file declares."""
        return self.checked and not self.problem

    def text(self) -> str:
        """One line, whatever the file says."""
        state = "ok" if self.ok else "FAILED"
        parts = [state if self.checked else "NOT CHECKED"]
        place = printable(self.layer)
        if self.name:
            place = f"{printable(self.name)} ({place})"
        parts.append(place)
        if self.record is not None:
            record = self.record
            rows, cols = record.shape
            parts.append(
                f"{printable(record.family)} {rows} x {cols}, seed "
                f"{record.seed}, contract {record.contract_version}, digest "
                f"{record.digest}"
            )
        if self.problem:
            parts.append(printable(self.problem, MAX_PROBLEM))
        return ": ".join(parts)
