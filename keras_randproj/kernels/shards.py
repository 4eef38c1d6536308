"""Arrays whose parts are made one by one, on the devices that hold them.

Only JAX has such arrays: on other backends every device holds a whole P.
"""

import keras
import numpy as np


def layout(value):
    """The sharding of a tensor over several devices, or `None`."""
    if keras.backend.backend() != "jax":
        return None
    sharding = getattr(value, "sharding", None)
    several = sharding is not None and len(sharding.device_set) > 1
    return sharding if several else None


def concrete(layout):
    """The `jax.sharding.NamedSharding` that Keras means by a layout.

    Args:
        layout: What an initializer gets: a `keras.distribution.TensorLayout`,
            or a sharding, on an abstract mesh where Keras makes a variable.
    """
    import jax

    if isinstance(layout, keras.distribution.TensorLayout):
        return layout.backend_layout
    if isinstance(layout.mesh, jax.sharding.AbstractMesh):
        mesh = jax.sharding.get_mesh()
        return jax.sharding.NamedSharding(mesh, layout.spec)
    return layout


def make(block, shape, dtype, layout):
    """An array spread over devices, each part made when it is wanted.

    Args:
        block: Function of one `(start, stop)` an axis, and a dtype, that
            returns a part as a NumPy array.
        shape: Tuple of integers, the whole array's.
        dtype: Its dtype.
        layout: `jax.sharding.Sharding` on devices.

    Returns:
        `jax.Array`.
    """
    import jax

    holders: dict = {}
    for device, index in layout.addressable_devices_indices_map(shape).items():
        spans = tuple(
            part.indices(size)[:2]
            for part, size in zip(index, shape, strict=True)
        )
        holders.setdefault(spans, []).append(device)
    parts = []
    for spans, devices in holders.items():
        part = np.asarray(block(spans, dtype), dtype)
        # Waiting keeps one part on the host at a time.
        parts += [
            jax.block_until_ready(jax.device_put(part, device))
            for device in devices
        ]
    return jax.make_array_from_single_device_arrays(shape, layout, parts)
