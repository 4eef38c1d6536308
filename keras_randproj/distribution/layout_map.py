"""Which matrices `keras.distribution.ModelParallel` spreads, and how."""

from collections.abc import Sequence

import keras

from keras_randproj import divided


def layout_map(
    device_mesh: keras.distribution.DeviceMesh,
    model_axis: str = "model",
    replicated: Sequence[str] = (),
) -> keras.distribution.LayoutMap:
    """Layouts of these layers for `keras.distribution.ModelParallel`.

    Every matrix is divided over the devices of an axis by its columns, the
    outputs; that of an attention's output and of the last layer of a
    feed-forward by its rows. Each device makes its own part. What is not a
    matrix every device holds: alpha, scale and bias, and the signs of a
    Hadamard, the words of `storage="packed"` and the seed of
    `storage="seed"`, with which each device computes the whole product.

    Layers are known by what they are, whatever they are called: other layers
    are left to you. Keys that you add count before what is said here, also
    for these layers.

    Args:
        device_mesh: `keras.distribution.DeviceMesh`.
        model_axis: String, the axis of the mesh that matrices are divided
            over. Its size must divide that side of each.
        replicated: Names of layers whose matrices every device holds whole,
            such as a head of 10 classes.

    Returns:
        `keras.distribution.LayoutMap`, without keys: it knows these layers
        when they are built. As in any such map, equal paths have equal
        layouts, also those of two models.

    Raises:
        ValueError: If the mesh has no such axis.

    Example:

    >>> devices = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    >>> layouts = layout_map(devices, replicated=("head",))
    >>> layouts[".*my_dense/kernel"] = (None, "model")
    >>> keras.distribution.set_distribution(
    ...     keras.distribution.ModelParallel(layout_map=layouts)
    ... )
    """
    if model_axis not in device_mesh.axis_names:
        raise ValueError(
            "`model_axis` must be an axis of the mesh, one of "
            f"{tuple(device_mesh.axis_names)}. "
            f"Received: model_axis={model_axis!r}"
        )
    if isinstance(replicated, str):
        raise ValueError(
            "`replicated` must be a list or tuple of names. "
            f"Received: replicated={replicated!r}"
        )
    return _LayoutMap(device_mesh, model_axis, replicated)


class _LayoutMap(keras.distribution.LayoutMap):
    """The keys of a user, and the matrices of our layers behind them."""

    def __init__(self, device_mesh, model_axis, replicated):
        super().__init__(device_mesh)
        self.model_axis = model_axis
        self.replicated = tuple(f"/{name}/" for name in replicated)

    def __getitem__(self, key):
        found = super().__getitem__(key)
        if found is not None or any(n in f"/{key}" for n in self.replicated):
            return found
        axes = divided.axes(key, self.model_axis)
        if axes is None:
            return None
        return keras.distribution.TensorLayout(axes, self.device_mesh)
