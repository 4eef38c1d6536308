"""Virtual devices, made before a backend counts those of the machine."""

import os

import keras

DEVICES = 8
FLAG = f"--xla_force_host_platform_device_count={DEVICES}"

if keras.backend.backend() == "jax":
    flags = os.environ.get("XLA_FLAGS", "")
    if FLAG not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {FLAG}"
elif keras.backend.backend() == "tensorflow":
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
