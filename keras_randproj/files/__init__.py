"""What a file holds of a matrix, and whether it is whole."""

from keras_randproj.files.reader import records_behind as records_behind
from keras_randproj.files.record import Record as Record
from keras_randproj.files.verify import Verdict as Verdict
from keras_randproj.files.verify import verify as verify
