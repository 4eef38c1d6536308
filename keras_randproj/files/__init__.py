"""What a file holds of a matrix, and whether it is whole."""

from keras_randproj.files.compact import compact as compact
from keras_randproj.files.not_checked_error import (
    NotCheckedError as NotCheckedError,
)
from keras_randproj.files.record import Record as Record
from keras_randproj.files.sizes import check_sizes as check_sizes
from keras_randproj.files.sizes import records_behind as records_behind
from keras_randproj.files.verdict import Verdict as Verdict
from keras_randproj.files.verify import verify as verify

__all__ = [
    "NotCheckedError",
    "Record",
    "Verdict",
    "compact",
    "verify",
]
