"""Whether layers that share a matrix agree about a file."""

import gc
import weakref
from typing import Any

from keras_randproj.files import records_behind
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.projections.held_matrix import HeldMatrix


def check_load(
    held: HeldMatrix, layer: WholeLayer, seed: int, store: Any
) -> None:
    """Refuses a file by which layers that share the matrix disagree.

    Args:
        held: The matrix.
        layer: The `Projection` that loads.
        seed: Integer, the seed of its recipe in the file.
        store: Where the recipe was read.

    Raises:
        ValueError: If another layer has loaded another seed from this
            file, or the file holds this recipe for fewer layers than hold
            the matrix.
    """
    same_file = held.claim is not None and held.claim[0]() is store
    if same_file and held.claim[1] != seed:
        raise ValueError(
            f"{layer.described} shares its matrix with another layer, and "
            f"the file gives them different seeds. Received: seed={seed} "
            f"and seed={held.claim[1]}. Load it into layers that do not "
            "share a matrix."
        )
    if seed != held.seed:
        held.check_room(seed, layer.described)
        _check_sharers(held, layer, seed, store)
    if not isinstance(store, dict):
        held.claim = weakref.ref(store), seed


def _check_sharers(held, layer, seed, store):
    if not held.is_shared:
        return
    # Layers that nobody uses any more may still wait to be collected.
    gc.collect()
    count = sum(holder.built for holder in held.holders)
    recipe = held.family, seed
    found = sum(
        recipe == (record.matrix_family(), record.seed)
        and sorted(record.shape) == sorted(held.shape)
        for record in records_behind(store)
    )
    if count > 1 and found < count:
        raise ValueError(
            f"{layer.described} shares its matrix with {count - 1} other "
            f"layers, and the file has this seed for {found} of the "
            f"{count}: the others' vectors would stand around a matrix "
            "that they were not trained with. Load a file of all of them "
            "into a model of all of them, or into layers that do not "
            f"share a matrix. Received: seed={seed}, here {held.seed}"
        )
