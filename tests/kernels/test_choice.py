"""Which implementation runs, and what the others say when they cannot."""

import types

import conformance
import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import PRPDense
from keras_randproj import kernels
from keras_randproj import projections
from keras_randproj.kernels.devices import automatic
from keras_randproj.kernels.triton import requirements

BACKEND = keras.backend.backend()


def modulate(family, implementation, dtype="float32", storage="seed"):
    op = conformance.operand(family, storage, (13, 5))
    x = ops.ones((2, 13), dtype)
    return conformance.modulate(op, x, implementation=implementation)


def test_kernels_of_another_machine_are_refused():
    if BACKEND == "torch":
        assert modulate("hadamard", "triton").shape == (2, 5)
        return
    reason = f"the backend is {BACKEND}"
    if BACKEND == "jax":
        reason = ".*JAX runs on cpu"
        assert automatic([], ops.ones(2)) == ("reference",)
    with pytest.raises(RuntimeError, match=f"triton: {reason}"):
        modulate("hadamard", "triton")


def test_a_layer_never_falls_back():
    layer = projections.Gaussian(4, seed=1, implementation="triton")
    with pytest.raises(RuntimeError, match="triton: "):
        layer(np.ones((1, 3), "float32"))


@pytest.mark.parametrize("installed", [None, "2.1.0"])
def test_missing_and_old_triton(installed, monkeypatch):
    def version(name):
        if installed is None:
            raise requirements.importlib.metadata.PackageNotFoundError
        return installed

    monkeypatch.setattr(requirements.importlib.metadata, "version", version)
    (reason,) = requirements._version()
    assert reason in (
        "triton is not installed",
        "triton 2.1.0 is older than 3.4",
    )


if BACKEND == "torch":
    import torch
    from operator_rules import keeps_torchs_rules
    from torch.utils._python_dispatch import TorchDispatchMode

    from keras_randproj.kernels.triton.hadamard_operator import hadamard
    from keras_randproj.kernels.triton.product import product

    def test_every_reason_is_given(monkeypatch):
        monkeypatch.setattr(requirements, "INTERPRETED", False)
        with pytest.raises(RuntimeError) as error:
            modulate("gaussian", "triton", "float16", storage="dense")
        assert "TRITON_INTERPRET=1" in str(error.value)
        assert "storage=" in str(error.value)
        assert "float16" not in str(error.value)

    def test_float64_is_refused():
        with pytest.raises(RuntimeError, match="triton: the input is float64"):
            modulate("hadamard", "triton", "float64")

    class Recorder(TorchDispatchMode):
        """The names of the operators that ran."""

        def __init__(self):
            super().__init__()
            self.names = []

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.names.append(func.name())
            return func(*args, **(kwargs or {}))

    def nodes(y):
        """The names of what a tensor would be differentiated through."""
        names, pending = set(), [y.grad_fn]
        while pending:
            node = pending.pop()
            if node is not None:
                names.add(node.name())
                pending += [parent for parent, _ in node.next_functions]
        return names

    def ran(family, implementation):
        op = conformance.operand(family, "seed", (13, 5))
        x = torch.ones((2, 13), requires_grad=True)
        with Recorder() as recorder:
            y = conformance.modulate(op, x, implementation=implementation)
        ours = {n for n in recorder.names if n.startswith("keras_randproj")}
        return ours | (nodes(y) & {"TransformBackward"})

    @pytest.mark.parametrize(
        ("family", "operator"),
        [
            ("hadamard", "TransformBackward"),
            ("gaussian", "keras_randproj::product"),
        ],
    )
    def test_the_operator_that_ran(family, operator):
        assert ran(family, "triton") == {operator}
        assert ran(family, "reference") == set()

    def test_none_is_by_device():
        cuda = types.SimpleNamespace(device=torch.device("cuda"))
        assert automatic([], cuda) == ("triton", "reference")
        meta = torch.ones(2, device="meta")
        assert automatic([], meta) == ("reference",)
        assert automatic([], torch.ones(2)) == ("torch_cpu", "reference")
        assert ran("hadamard", None) == {"TransformBackward"}
        assert ran("gaussian", None) == set()

    @pytest.mark.parametrize(
        ("gpu", "wanted"),
        [
            ((7, 5, 2**16), ["compute capability (7, 5)", "shared memory"]),
            ((8, 6, 101376), []),
            ((9, 0, 232448), []),
        ],
    )
    def test_old_and_small_gpus(gpu, wanted, monkeypatch):
        names = "major", "minor", "shared_memory_per_block_optin"
        properties = types.SimpleNamespace(**dict(zip(names, gpu, strict=True)))
        monkeypatch.setattr(
            torch.cuda, "get_device_properties", lambda device: properties
        )
        # What other tests saw of a device is remembered.
        monkeypatch.setattr(requirements, "_remember", requirements._look)
        x = types.SimpleNamespace(
            device=torch.device("cuda"), dtype=torch.float32
        )
        op = kernels.SignedHadamard(2**15, 2**15, signs=np.ones((1, 2**15)))
        found = requirements.refusals([op], x)
        assert len(found) == len(wanted)
        for reason, part in zip(found, wanted, strict=True):
            assert part in reason

    def test_export_takes_the_reference(monkeypatch):
        for name in ("is_exporting", "is_compiling"):
            monkeypatch.setattr(torch.compiler, name, lambda: True)
        for device in ("cuda", "cpu"):
            x = types.SimpleNamespace(device=torch.device(device))
            assert automatic([], x) == ("reference",)

    @pytest.mark.parametrize(
        ("depth", "name", "strict"),
        [
            (1, "triton", True),
            (3, "triton", False),
            (3, "torch_cpu", False),
            (1, "torch_cpu", True),
        ],
    )
    def test_an_exported_layer_needs_no_operator_of_ours(
        depth, name, strict, rng
    ):
        layer = PRPDense(
            5, projection="hadamard", depth=depth, seed=1, implementation=name
        )
        x = torch.tensor(rng.normal(size=(2, 13)), dtype=torch.float32)
        with Recorder() as recorder:
            y = layer(x)
        found = {*recorder.names, *nodes(y)}
        assert any("keras_randproj" in n or "Transform" in n for n in found)
        program = torch.export.export(layer, (x,), strict=strict)
        targets = {str(node.target) for node in program.graph.nodes}
        assert any("matmul" in target for target in targets)
        assert not any("keras_randproj" in target for target in targets)
        torch.testing.assert_close(program.module()(x), y, rtol=1e-5, atol=1e-5)

    def test_keras_exports_a_layer_that_names_a_kernel(tmp_path, rng):
        layer = PRPDense(
            5, projection="hadamard", depth=2, seed=1, implementation="triton"
        )
        model = keras.Sequential([keras.Input((13,)), layer])
        x = torch.tensor(rng.normal(size=(2, 13)), dtype=torch.float32)
        path = str(tmp_path / "model.pt2")
        spec = keras.layers.InputSpec(shape=(2, 13), dtype="float32")
        model.export(
            path, format="torch", verbose=False, input_signature=[spec]
        )
        program = torch.export.load(path)
        targets = {str(node.target) for node in program.graph.nodes}
        assert not any("keras_randproj" in target for target in targets)
        torch.testing.assert_close(
            program.module()(x), model(x), rtol=1e-5, atol=1e-5
        )

    @pytest.mark.parametrize("family", ["hadamard", "rademacher", "gaussian"])
    def test_compiled_without_a_break(family, rng):
        op = conformance.operand(family, "seed", (13, 5))
        names = []

        def backend(graph, inputs):
            names.extend(str(node.target) for node in graph.graph.nodes)
            return graph.forward

        def call(x, alpha, scale, bias):
            return conformance.modulate(op, x, alpha, scale, bias, "triton")

        sizes = (3, 13), (13,), (5,), (5,)
        arrays = [
            torch.tensor(rng.normal(size=s), dtype=torch.float32) for s in sizes
        ]
        grads = []
        compiled = torch.compile(call, fullgraph=True, backend=backend)
        for function in (call, compiled):
            inputs = [a.clone().requires_grad_() for a in arrays]
            function(*inputs).square().sum().backward()
            grads.append([i.grad for i in inputs])
        operator = "hadamard" if family == "hadamard" else "product"
        assert any(f"keras_randproj.{operator}" in name for name in names)
        for a, b in zip(*grads, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)

    @pytest.mark.parametrize("transposed", [False, True])
    def test_operators_keep_torchs_rules(transposed):
        """Schemas, fake kernels and gradients, as torch itself checks them."""
        sides = (5, 13) if transposed else (13, 5)
        x, alpha, scale, bias = (
            torch.randn(size, requires_grad=True)
            for size in ((3, sides[0]), sides[:1], sides[1:], sides[1:])
        )
        slots = torch.tensor([3, -1, 0, 4, 1, 2, *[-1] * 10])
        signs = [torch.ones(1, 16)]
        arguments = x, [alpha], signs, slots.int(), scale, bias
        arguments = *arguments, 0.5, 13, 5, transposed
        keeps_torchs_rules(hadamard, arguments, transposed)
        key = torch.tensor([1, 2, 3, 4], dtype=torch.int32)
        layout = [13, 5, 0, 1, 1, 16, 8, 0]
        arguments = x, alpha, key, scale, bias, 0.5, layout, transposed
        keeps_torchs_rules(product, arguments, transposed)
