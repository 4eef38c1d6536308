"""The transform in blocks of rows faces the cases of the reference."""

import conformance
import keras
import numpy as np
import oracle
import pytest
from conformance import SEED
from conformance import Conformance

from keras_randproj.matrices.hadamard import factors

BACKEND = keras.backend.backend()
SHAPES = [(1, 1), (13, 5), (5, 41), (64, 64), (64, 20), (9, 48)]
# Those of the shared cases that need no other family.
SHARED = [
    "test_vectors_left_out_are_neutral",
    "test_leading_axes_and_empty_batches",
    "test_input_that_is_not_contiguous",
    "test_one_bad_row_leaves_the_others_exact",
]


class Blocked(Conformance):
    implementation = "torch_cpu"


def modulate(*args):
    return conformance.modulate(*args, implementation="torch_cpu")


def test_other_backends_and_families_are_refused():
    if BACKEND == "torch":
        wanted = "the hadamard family, not SeededTiles"
    else:
        wanted = f"the backend is {BACKEND}, not torch"
    op = conformance.operand("gaussian", "seed", (13, 5))
    with pytest.raises(RuntimeError, match=f"torch_cpu: .*{wanted}"):
        modulate(op, keras.ops.ones((2, 13)))


if BACKEND == "torch":
    import torch
    from operator_rules import keeps_torchs_rules

    from keras_randproj.kernels.torch_cpu import blocks
    from keras_randproj.kernels.torch_cpu.operator import hadamard

    @pytest.mark.parametrize("buffer", [1, 2**19], ids=["rows", "one block"])
    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_value_and_gradients(shape, turned, buffer, monkeypatch, rng):
        monkeypatch.setattr(blocks, "BUFFER", buffer)
        Blocked().check("hadamard", "seed", shape, turned, "float32", rng)

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    @pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
    def test_half_precision(dtype, turned, rng):
        Blocked().check("hadamard", "seed", (37, 20), turned, dtype, rng)
        Blocked().test_half_precision_does_not_overflow()

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    @pytest.mark.parametrize("shape", [(600, 700), (300, 1100)], ids=str)
    def test_three_factors(shape, turned, monkeypatch, rng):
        monkeypatch.setattr(blocks, "SPLIT", 32)
        assert min(factors(512)[1], factors(1024)[1]) == 32
        Blocked().check("hadamard", "seed", shape, turned, "float32", rng)

    @pytest.mark.parametrize("name", SHARED)
    def test_shared_cases(name, rng):
        getattr(Blocked(), name)("hadamard", rng)

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    def test_float64_to_its_own_precision(shape, turned, rng):
        op = conformance.operand("hadamard", "seed", shape, turned)
        p = conformance.matrix("hadamard", shape, turned)
        x = rng.normal(size=(5, len(p)))
        found = modulate(op, torch.tensor(x))
        np.testing.assert_allclose(found, x @ p, atol=1e-13)

    @pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
    def test_second_derivatives(turned):
        op = conformance.operand("hadamard", "seed", (6, 11), turned)
        sizes = [6, 11][::-1] if turned else [6, 11]
        inputs = [
            torch.randn(size, dtype=torch.float64, requires_grad=True)
            for size in ((2, sizes[0]), sizes[0], sizes[1], sizes[1])
        ]
        # Signs in float32 do not take part in the precision.
        assert torch.autograd.gradcheck(lambda *v: modulate(op, *v), inputs)
        assert torch.autograd.gradgradcheck(lambda *v: modulate(op, *v), inputs)

    @pytest.mark.parametrize("mapped", ["x", "alpha", "scale", "bias"])
    def test_vmap(mapped, rng):
        op = conformance.operand("hadamard", "seed", (13, 5))
        sizes = {"x": (3, 13), "alpha": (13,), "scale": (5,), "bias": (5,)}
        arrays = {
            name: rng.normal(size=(4, *size) if name == mapped else size)
            for name, size in sizes.items()
        }
        in_dims = [0 if name == mapped else None for name in sizes]
        found = torch.func.vmap(lambda *v: modulate(op, *v), tuple(in_dims))(
            *[torch.tensor(a) for a in arrays.values()]
        )
        p = oracle.matrix("hadamard", SEED, (13, 5))
        for k in range(4):
            one = [a[k] if n == mapped else a for n, a in arrays.items()]
            x, alpha, scale, bias = one
            wanted = ((x * alpha) @ p) * scale + bias
            np.testing.assert_allclose(found[k], wanted, atol=1e-12)

    def test_compiled_without_a_break(rng):
        op = conformance.operand("hadamard", "seed", (13, 5))
        names = []

        def backend(graph, inputs):
            names.extend(str(node.target) for node in graph.graph.nodes)
            return graph.forward

        compiled = torch.compile(
            lambda x: modulate(op, x), fullgraph=True, backend=backend
        )
        x = torch.randn(3, 13)
        torch.testing.assert_close(compiled(x), modulate(op, x))
        assert any("keras_randproj.hadamard_cpu" in name for name in names)

    @pytest.mark.parametrize("shape", [(13, 5), (64, 70)], ids=str)
    def test_a_compiler_gets_the_reference(shape):
        """Whole, and with no operator that it cannot see into."""
        op = conformance.operand("hadamard", "seed", shape)
        names = []

        def backend(graph, inputs):
            names.extend(str(node.target) for node in graph.graph.nodes)
            return graph.forward

        compiled = torch.compile(
            lambda x: conformance.modulate(op, x),
            fullgraph=True,
            backend=backend,
        )
        x = torch.randn(3, shape[0])
        torch.testing.assert_close(compiled(x), modulate(op, x))
        assert not any("keras_randproj" in name for name in names)

    @pytest.mark.parametrize("transposed", [False, True])
    def test_the_operator_keeps_torchs_rules(transposed):
        """Schema, fake kernel and gradients, as torch itself checks them."""
        sides = (5, 13) if transposed else (13, 5)
        x, alpha, scale, bias = (
            torch.randn(size, requires_grad=True)
            for size in ((3, sides[0]), sides[:1], sides[1:], sides[1:])
        )
        positions = torch.tensor([0, 2, 3, 7, 15], dtype=torch.int32)
        arguments = x, alpha, scale, bias, torch.ones(1, 16), positions
        arguments = *arguments, 0.5, 2.0, 13, 5, transposed
        keeps_torchs_rules(hadamard, arguments, transposed)

    def test_no_array_of_the_batch_but_the_result(monkeypatch):
        """Two buffers serve every block."""
        monkeypatch.setattr(blocks, "BUFFER", 2**10)
        op = conformance.operand("hadamard", "seed", (64, 64))
        x = torch.randn(2**12, 64)
        with torch.profiler.profile(profile_memory=True) as profile:
            modulate(op, x)
        made = [e.self_cpu_memory_usage for e in profile.events()]
        assert x.nbytes <= max(made)
        assert sorted(made)[-2] < x.nbytes / 32
