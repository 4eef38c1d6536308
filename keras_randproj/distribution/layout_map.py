"""Which matrices `keras.distribution.ModelParallel` spreads, and how."""

import re

import keras

FAMILIES = "gaussian|rademacher|sparse_ternary|orthogonal"
# Each second matrix of a pair takes features that the first one spread, so
# that only its outputs are summed over the devices.
SECOND = "attention_output|feed_forward/output"
ROWS = (
    rf"(?:{SECOND})/projection/matrix",
    rf"(?:{SECOND}|eugen_head)/kernel",
)
COLUMNS = (
    r"(?<!attention_output/)(?<!feed_forward/output/)projection/matrix",
    r"projection_\d+/matrix",
    rf"(?:{FAMILIES})(?:_\d+)?/matrix",
    r"factor_\d+/kernel",
    r"(?:query|key|value|intermediate|gate)/kernel",
)


def layout_map(device_mesh, model_axis="model", replicated=()):
    """Layouts of these layers for `keras.distribution.ModelParallel`.

    Every matrix is divided over the devices of an axis by its columns, the
    outputs; that of an attention's output and of the last layer of a
    feed-forward by its rows. Each device makes its own part. What is not a
    matrix every device holds: alpha, scale and bias, and the signs of a
    Hadamard, the words of `storage="packed"` and the seed of
    `storage="seed"`, with which each device computes the whole product.

    Args:
        device_mesh: `keras.distribution.DeviceMesh`.
        model_axis: String, the axis of the mesh that matrices are divided
            over. Its size must divide that side of each.
        replicated: Names of layers whose matrices every device holds whole,
            such as a head of 10 classes.

    Returns:
        `keras.distribution.LayoutMap`. Add keys for other layers to it.

    Raises:
        ValueError: If the mesh has no such axis.

    Example:

    >>> devices = keras.distribution.DeviceMesh((1, 8), ("batch", "model"))
    >>> layouts = layout_map(devices, replicated=("head",))
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
    names = "|".join(re.escape(name) for name in replicated)
    start = r"(?:.*/)?"
    if names:
        start = rf"(?!{start}(?:{names})/){start}"
    layouts = keras.distribution.LayoutMap(device_mesh)
    for patterns, axes in (
        (COLUMNS, (None, model_axis)),
        (ROWS, (model_axis, None)),
    ):
        for pattern in patterns:
            layouts[start + pattern] = axes
    return layouts
