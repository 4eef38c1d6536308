"""What is checked of a weights file before anything is read from it."""

import math
import weakref

import h5py

# As Keras checks, which starts at four gigabytes: nothing that it writes is
# compressed, so that more bytes than stored are a fill value or a bomb.
FLOOR_BYTES = 2**20
MAX_EXPANSION = 100

_checked: weakref.WeakSet = weakref.WeakSet()


def check_sizes(store, owner: str) -> None:
    """Refuses a file with arrays that declare far more than they store.

    The stores of Keras read an array as soon as it is asked for, so that its
    shape would be known too late.

    Args:
        store: Store of arrays that `load_own_variables` was given. Only the
            first layer of a file to ask has it searched.
        owner: Who loads, for the message: "Layer 'prp_dense/projection'".

    Raises:
        ValueError: If an array declares more than a mebibyte, and more than a
            hundred times its bytes in the file.
    """
    file = getattr(store, "h5_file", None)
    if not isinstance(file, h5py.Group) or store in _checked:
        return

    def check(name, item):
        if not isinstance(item, h5py.Dataset):
            return
        declared = math.prod(item.shape or ()) * item.dtype.itemsize
        stored = item.id.get_storage_size()
        if declared > max(FLOOR_BYTES, MAX_EXPANSION * stored):
            raise ValueError(
                f"{owner}: the array '{name}' of the file declares "
                f"{declared} bytes and stores {stored}. The file is damaged, "
                "or made to exhaust memory. Load an intact copy."
            )

    file.visititems(check)
    _checked.add(store)
