"""DDP and FSDP in two processes that talk through gloo (torch)."""

import json
import socket
from functools import partial

import keras
import models
import numpy as np
import pytest

if keras.backend.backend() != "torch":
    pytest.skip("DDP and FSDP are torch's", allow_module_level=True)

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from keras_randproj.distribution.torch_module import TorchModule

PROCESSES = 2
STEPS = 3
MAKERS = {"mlp": models.mlp, "transformer": models.transformer}
FLOAT_BYTES = 4


def ddp(model):
    module = TorchModule(model)
    return module, DistributedDataParallel(module)


def fsdp(model):
    module = TorchModule(model)
    cpu = torch.device("cpu")
    return module, FullyShardedDataParallel(
        module, device_id=cpu, use_orig_params=True
    )


def sharded(model):
    module = TorchModule(model)
    return module, fully_shard(
        module, mesh=init_device_mesh("cpu", (PROCESSES,))
    )


WRAPPERS = {"ddp": ddp, "fsdp": fsdp, "fully_shard": sharded}


def make(name):
    keras.utils.set_random_seed(5)
    return MAKERS[name]()


def train(module, model, part):
    x, y = (torch.tensor(a[part]) for a in models.data(model))
    optimizer = torch.optim.Adam(module.parameters(), 1e-3)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(module(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def floats(function):
    """What a function returns, and the numbers it sends by collective."""
    cpu = torch.profiler.ProfilerActivity.CPU
    with torch.profiler.profile(
        activities=[cpu], record_shapes=True
    ) as profile:
        result = function()
    sent: dict = {}
    for event in profile.events():
        if event.name.startswith("gloo:"):
            size = sum(int(np.prod(shape)) for shape in event.input_shapes)
            sent.setdefault(event.name.removeprefix("gloo:"), []).append(size)
    return result, sent


def one_process(rank, port, folder):
    address = f"tcp://127.0.0.1:{port}"
    dist.init_process_group("gloo", address, rank=rank, world_size=PROCESSES)
    found: dict = {}
    for name in MAKERS:
        for wrapper, wrap in WRAPPERS.items():
            model = make(name)
            module, wrapped = wrap(model)
            part = slice(rank, None, PROCESSES)
            losses, sent = floats(partial(train, wrapped, model, part))
            if wrapper == "fully_shard":
                module.update_model()
            found[f"{name} {wrapper}"] = {
                "losses": losses,
                "sent": sent,
                "weights": [
                    models.fingerprint(v) for v in model.trainable_variables
                ]
                if wrapper != "fsdp"
                else [],
                "matrices": [
                    models.fingerprint(weight)
                    for projection in models.built_projections(model)
                    for weight, _ in models.fresh_weights(projection)
                ],
            }
    _, found["start of a bare model"] = floats(
        lambda: DistributedDataParallel(make("mlp"))
    )
    _, found["start"] = floats(lambda: ddp(make("mlp")))
    model = make("mlp")
    model.layers[0].projection.set_seed(rank)
    try:
        TorchModule(model)
    except ValueError as error:
        found["refusal"] = str(error)
    dist.destroy_process_group()
    (folder / f"{rank}.json").write_text(json.dumps(found))


@pytest.fixture(scope="module")
def ranks(tmp_path_factory):
    """What each of the processes found."""
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    torch.multiprocessing.spawn(one_process, (port, folder), PROCESSES)
    return [
        json.loads((folder / f"{rank}.json").read_text())
        for rank in range(PROCESSES)
    ]


@pytest.fixture(scope="module")
def alone():
    """Losses and matrices of one process."""
    found = {}
    for name in MAKERS:
        model = make(name)
        losses = train(TorchModule(model), model, slice(None))
        matrices = [
            models.fingerprint(initializer.like(weight))
            for projection in models.built_projections(model)
            for weight, initializer in models.fresh_weights(projection)
        ]
        found[name] = losses, matrices, model
    return found


CASES = [(name, wrapper) for name in MAKERS for wrapper in WRAPPERS]


@pytest.mark.parametrize(("name", "wrapper"), CASES)
def test_two_processes_give_the_losses_of_one(name, wrapper, ranks, alone):
    found = [rank[f"{name} {wrapper}"]["losses"] for rank in ranks]
    mean = np.mean(found, axis=0)
    np.testing.assert_allclose(mean, alone[name][0], rtol=2e-5)
    assert found[0] != found[1]


@pytest.mark.parametrize(("name", "wrapper"), CASES)
def test_every_process_has_the_matrices_of_the_seed(
    name, wrapper, ranks, alone
):
    for rank in ranks:
        assert rank[f"{name} {wrapper}"]["matrices"] == alone[name][1]


@pytest.mark.parametrize("wrapper", ["ddp", "fully_shard"])
def test_the_models_have_been_trained_alike(wrapper, ranks, alone):
    first, second = (rank[f"mlp {wrapper}"]["weights"] for rank in ranks)
    assert first == second
    start = [models.fingerprint(v) for v in make("mlp").trainable_variables]
    assert not set(first) & set(start)


@pytest.mark.parametrize("name", MAKERS)
def test_only_trained_numbers_are_reduced(name, ranks, alone):
    trained = count(alone[name][2].trainable_variables)
    for rank in ranks:
        sent = rank[f"{name} ddp"]["sent"]
        assert sum(sent["all_reduce"]) == STEPS * trained
        for wrapper in ("fsdp", "fully_shard"):
            sent = rank[f"{name} {wrapper}"]["sent"]
            # What is gathered is padded to equal parts.
            padding = PROCESSES * len(alone[name][2].trainable_variables)
            for sizes in sent.values():
                assert max(sizes) <= trained + padding


def test_no_matrix_is_broadcast_at_the_start(ranks, alone):
    model = alone["mlp"][2]
    trained, everything = (
        count(model.trainable_variables),
        count(model.variables),
    )
    assert everything > 5 * trained
    for rank in ranks:
        assert sum(rank["start"]["broadcast"]) < 2 * trained
        # What would happen without the module of trainable parameters.
        assert sum(rank["start of a bare model"]["broadcast"]) >= everything


def test_processes_with_other_matrices_are_refused(ranks):
    for rank in ranks:
        assert "has made other matrices" in rank["refusal"]


def test_the_module_follows_train_and_eval():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
    module = TorchModule(model)
    x = torch.ones(8, 4)
    assert torch.equal(module.eval()(x), x)
    assert not torch.equal(module.train()(x), x)


def test_an_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="must be built"):
        TorchModule(keras.Sequential([keras.layers.Dense(2)]))


def count(variables):
    return sum(int(np.prod(v.shape)) for v in variables)
