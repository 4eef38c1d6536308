"""How many bytes a training step sends: `python -m experiments.communication`.

Counted, not timed: from the compiled program on JAX, from the profiler on
torch, from the reductions of the strategy on TensorFlow.
"""

import json
import os
import socket
import tempfile
from pathlib import Path

from experiments.gather import main

RESULTS = Path(__file__).parent / "results" / "communication.json"
DEVICES = 8
PROCESSES = 2
BATCH = 64
WIDTHS = (1024, 4096, 1024)
CLASSES = 16
FLOAT_BYTES = 4
LAYERS = ("Dense", "PRPDense", "PRPDense, hadamard")


def make(kind):
    """A feed-forward network of one kind of layer, with a Dense head."""
    import keras

    import keras_randproj

    def layer(units, seed):
        if kind == "Dense":
            return keras.layers.Dense(units, "relu")
        family = "hadamard" if "hadamard" in kind else "gaussian"
        return keras_randproj.PRPDense(
            units, "relu", projection=family, seed=seed
        )

    hidden = [layer(units, k) for k, units in enumerate(WIDTHS[1:])]
    head = keras.layers.Dense(CLASSES, name="head")
    return keras.Sequential([keras.Input(WIDTHS[:1]), *hidden, head])


def numbers(variables):
    import math

    return sum(math.prod(v.shape) for v in variables)


def on_jax():
    """DataParallel and ModelParallel on virtual devices."""
    from keras import distribution

    from keras_randproj.distribution import layout_map

    for kind in LAYERS:
        strategies = {"DataParallel, 8 devices": distribution.DataParallel()}
        for shape in ((1, 8), (2, 4)):
            mesh = distribution.DeviceMesh(shape, ("batch", "model"))
            layouts = layout_map(mesh, replicated=("head",))
            if kind == "Dense":
                layouts[r".*/dense(?:_\d+)?/kernel"] = (None, "model")
                layouts[r".*/dense(?:_\d+)?/bias"] = ("model",)
            elif "hadamard" in kind:
                continue
            name = f"ModelParallel, {shape[0]} x {shape[1]} devices"
            strategies[name] = distribution.ModelParallel(layout_map=layouts)
        for name, strategy in strategies.items():
            with strategy.scope():
                yield {"layer": kind, "strategy": name, **_compiled(make(kind))}


def _compiled(model):
    import jax
    import keras
    import numpy as np

    from experiments.collectives import bytes_of

    layout = keras.distribution.distribution().get_data_layout((BATCH, 1))
    x, y = (
        jax.device_put(np.zeros((BATCH, n), "float32"), layout.backend_layout)
        for n in (WIDTHS[0], CLASSES)
    )
    trained = [v.value for v in model.trainable_variables]
    fixed = [v.value for v in model.non_trainable_variables]

    def loss(trained, fixed, x, y):
        outputs, _ = model.stateless_call(trained, fixed, x)
        return keras.ops.mean(keras.ops.square(outputs - y))

    step = jax.jit(
        jax.value_and_grad(loss),
        out_shardings=(None, [v.sharding for v in trained]),
    )
    program = step.lower(trained, fixed, x, y).compile().as_text()
    return {
        "trained": numbers(model.trainable_variables),
        "step": bytes_of(program),
    }


def on_tensorflow():
    """MirroredStrategy on virtual devices."""
    import math

    import numpy as np
    import tensorflow as tf

    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * PROCESSES,
    )

    class Counting(tf.distribute.ReductionToOneDevice):
        total = 0

        def batch_reduce_implementation(self, reduce_op, pairs, options):
            for value, _ in pairs:
                self.total += math.prod(value.values[0].shape) * FLOAT_BYTES
            return super().batch_reduce_implementation(
                reduce_op, pairs, options
            )

    for kind in LAYERS:
        counting = Counting()
        strategy = tf.distribute.MirroredStrategy(
            [f"CPU:{k}" for k in range(PROCESSES)], cross_device_ops=counting
        )
        with strategy.scope():
            model = make(kind)
            model.compile("adam", "mse", jit_compile=False)
        x = np.zeros((BATCH, WIDTHS[0]), "float32")
        y = np.zeros((BATCH, CLASSES), "float32")
        model.fit(x, y, batch_size=BATCH, verbose=0)
        yield {
            "layer": kind,
            "strategy": "MirroredStrategy, 2 devices",
            "trained": numbers(model.trainable_variables),
            "step": {"all-reduce": counting.total},
        }


def on_torch():
    """DistributedDataParallel and fully_shard in two processes."""
    import torch

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        torch.multiprocessing.spawn(_process, (port, folder), PROCESSES)
        yield from json.loads((Path(folder) / "0.json").read_text())


def _process(rank, port, folder):
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.nn.parallel import DistributedDataParallel

    from keras_randproj.distribution.torch_module import TorchModule

    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", address, rank=rank, world_size=PROCESSES)
    mesh = init_device_mesh("cpu", (PROCESSES,))
    wrappers = {
        "DDP of the model, 2 processes": DistributedDataParallel,
        "DDP of a TorchModule, 2 processes": lambda model: (
            DistributedDataParallel(TorchModule(model))
        ),
        "fully_shard of a TorchModule, 2 processes": lambda model: fully_shard(
            TorchModule(model), mesh=mesh
        ),
    }
    rows = []
    for kind in LAYERS:
        for strategy, wrap in wrappers.items():
            row = _profiled(make(kind), wrap)
            rows.append({"layer": kind, "strategy": strategy, **row})
    dist.destroy_process_group()
    if rank == 0:
        (Path(folder) / "0.json").write_text(json.dumps(rows))


def _profiled(model, wrap):
    import torch

    module, start = _sent(lambda: wrap(model))
    x = torch.zeros(BATCH, WIDTHS[0])
    # The first steps agree on buckets.
    for _ in range(2):
        module(x).square().mean().backward()
    _, step = _sent(lambda: module(x).square().mean().backward())
    trained = numbers(model.trainable_variables)
    return {"trained": trained, "start": start, "step": step}


def _sent(function):
    """What a function returns, and bytes that each gloo operation takes."""
    import math

    import torch

    cpu = torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(activities=[cpu], record_shapes=True) as found:
        result = function()
    sent: dict = {}
    for event in found.events():
        if event.name.startswith("gloo:"):
            kind = event.name.removeprefix("gloo:").replace("_", "-")
            size = sum(math.prod(shape) for shape in event.input_shapes)
            sent[kind] = sent.get(kind, 0) + size * FLOAT_BYTES
    return result, sent


ROWS = {"jax": on_jax, "tensorflow": on_tensorflow, "torch": on_torch}


if __name__ == "__main__":
    # Of the processes that this one starts.
    flag = f"--xla_force_host_platform_device_count={DEVICES}"
    os.environ.setdefault("XLA_FLAGS", flag)
    main(
        "experiments.communication",
        RESULTS,
        list(ROWS),
        lambda backend: ROWS[backend](),
        batch=BATCH,
        widths=[*WIDTHS, CLASSES],
    )
