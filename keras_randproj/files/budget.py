"""How much may be made of a file that is checked."""

from keras_randproj import matrices
from keras_randproj.files.not_checked_error import NotCheckedError
from keras_randproj.files.record import Record

# Entries that are made for one file, by default.
MAX_ELEMENTS = 2**27
# What the smallest record costs: it takes time to read and to print.
LEAST_COST = 2**14


class Budget:
    """What may still be made, and what has been.

    Args:
        entries: Integer.
    """

    def __init__(self, entries):
        self.left = self.limit = entries
        self.digests: dict = {}

    def digest(self, record: Record) -> str:
        """The digest of a recipe, made once.

        Raises:
            NotCheckedError: If it would take more than what is left.
        """
        if record.family not in matrices.names():
            raise NotCheckedError(
                f"this keras_randproj knows no family {record.family!r}"
            )
        recipe = record.matrix_family(), record.seed, record.shape
        if recipe not in self.digests:
            family, seed, shape = recipe
            cost = max(LEAST_COST, family.digest_cost(shape))
            if cost > self.left:
                raise NotCheckedError(
                    f"it is too large to check: it takes {cost} entries, "
                    f"{self.left} of {self.limit} are left; raise "
                    "`--max-elements` if you trust the file"
                )
            self.left -= cost
            self.digests[recipe] = family.digest(seed, shape)
        return self.digests[recipe]
