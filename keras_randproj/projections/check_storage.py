"""Which families can be kept in memory in which way."""

from keras_randproj import matrices
from keras_randproj.arguments import one_of


def check_storage(family, storage):
    """`storage`, if the family can be kept like that.

    Raises:
        ValueError: If it cannot; the message says what can.
    """
    one_of("storage", storage, ("dense", "seed", "packed"))
    if storage not in family.storages:
        able = [
            name
            for name in matrices.names()
            if storage in matrices.get(name).storages
        ]
        raise ValueError(
            f"`storage` must be one of {list(family.storages)} for the family "
            f"'{family.name}'; {able} can be kept as {storage!r}. "
            f"Received: storage={storage!r}"
        )
    return storage
