"""Which stages share a Triton kernel, and what is launched."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops
from stage_cases import draw
from stage_cases import run
from stage_cases import stages

from keras_randproj import PRPDense
from keras_randproj import kernels
from keras_randproj.kernels.triton import requirements
from keras_randproj.kernels.triton import runs as module
from keras_randproj.kernels.triton.runs import runs

if keras.backend.backend() != "torch":
    pytest.skip("Triton's kernels are torch's", allow_module_level=True)

import torch
from conformance import Conformance
from operator_rules import keeps_torchs_rules

from keras_randproj.kernels.triton import calls
from keras_randproj.kernels.triton import hadamard as launches
from keras_randproj.kernels.triton import hadamard_kernels
from keras_randproj.kernels.triton import settings
from keras_randproj.kernels.triton.hadamard_operator import hadamard

pytestmark = pytest.mark.gpu


@pytest.fixture
def launched(monkeypatch):
    """How many stages each launch of a kernel has, in turn."""
    depths = []

    class Recorded:
        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, grid):
            def launch(x, alphas, signs, *arguments, **constants):
                depths.append(len(signs))
                self.kernel[grid](x, alphas, signs, *arguments, **constants)

            return launch

    kernel = Recorded(hadamard_kernels.tile_kernel)
    monkeypatch.setattr(hadamard_kernels, "tile_kernel", kernel)
    launches.launcher.cache_clear()
    yield depths
    launches.launcher.cache_clear()


@pytest.mark.parametrize("turned", [False, True], ids=["P", "P^T"])
def test_a_layer_of_depth_3_launches_one_kernel(turned, launched, rng):
    layers = []
    for name in ("triton", "reference"):
        layer = PRPDense(
            5,
            "tanh",
            projection="hadamard",
            depth=3,
            seed=3,
            implementation=name,
        )
        layer.build((None, 13))
        layers.append(layer.transposed() if turned else layer)
    x = ops.convert_to_tensor(rng.normal(size=(4, 5 if turned else 13)))
    x = ops.cast(x, "float32")
    found = []
    for layer in layers:
        y = layer(x)
        for weight in layer.trainable_weights:
            weight.assign(np.linspace(-0.3, 0.4, weight.shape[0]))
        launched.clear()
        y = layer(x)
        depths = list(launched)
        y.square().sum().backward()
        found.append([y, *[w.value.grad for w in layer.trainable_weights]])
        assert depths == [3] * (layer is layers[0])
    # Two inner activations again, and for each stage what comes back;
    # scale's gradient takes one more.
    assert len(found[0]) == 6
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_what_the_gradients_launch(launched, rng):
    operands, matrices = stages((13, 16, 16, 5))
    arrays, upstream = draw(matrices, 3, "float32", rng)
    run("triton", operands, arrays, upstream, "float32")
    # Forward; two inner activations; the last stage, with scale and bias;
    # and two stages.
    assert launched == [3, 1, 1, 1, 1, 1, 1]


@pytest.mark.parametrize(
    ("widths", "wanted"),
    [
        ((13, 16, 16, 5), [(0, 3)]),
        ((13, 15, 5), [(0, 1), (1, 2)]),
        ((5, 16, 16, 16), [(0, 1), (1, 3)]),
        ((5, 8, 8, 13), [(0, 2), (2, 3)]),
    ],
)
def test_which_stages_share_a_kernel(widths, wanted):
    operands, _ = stages(widths)
    assert runs(operands) == wanted
    back, _ = stages(widths, turned=True)
    found = runs(back)
    depth = len(operands)
    mirrored = [(depth - b, depth - a) for a, b in wanted[::-1]]
    assert found == mirrored


def test_stages_that_cannot_share_a_kernel(monkeypatch, launched):
    """Mixed directions; a refused input or order refuses all stages."""
    (one, two, three), _ = stages((16, 16, 16, 16))
    x = torch.ones(2, 16)
    assert runs([one, two]) == [(0, 2)]
    assert runs([one, two.transpose(), three]) == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    with pytest.raises(RuntimeError, match="triton: the input is float64"):
        kernels.modulate(
            [one, two], x.double(), [x[0], x[0]], implementation="triton"
        )
    monkeypatch.setattr(module, "LARGEST_STAGES", 8)
    assert runs([one, two]) == [(0, 1), (1, 2)]
    monkeypatch.setattr(requirements, "LARGEST_ORDER", 8)
    with pytest.raises(RuntimeError, match="order 16 > 8"):
        kernels.modulate([one, two], x, [x[0], x[0]], implementation="triton")
    assert launched == []


def test_compiled_without_a_break(rng):
    operands, matrices = stages((13, 16, 16, 5))
    arrays, _ = draw(matrices, 3, "float32", rng)
    names = []

    def backend(graph, inputs):
        names.extend(str(node.target) for node in graph.graph.nodes)
        return graph.forward

    def call(x, scale, bias, *alphas):
        return kernels.modulate(operands, x, alphas, scale, bias, "triton")

    grads = []
    compiled = torch.compile(call, fullgraph=True, backend=backend)
    for function in (call, compiled):
        inputs = [
            torch.tensor(a, dtype=torch.float32, requires_grad=True)
            for a in arrays
        ]
        function(*inputs).square().sum().backward()
        grads.append([i.grad for i in inputs])
    ours = [name for name in names if "keras_randproj" in name]
    assert ours == ["keras_randproj.hadamard.default"]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("transposed", [False, True])
def test_the_operator_keeps_torchs_rules(transposed):
    sides = (5, 13) if transposed else (13, 5)
    x, alpha, other, scale, bias = (
        torch.randn(size, requires_grad=True)
        for size in ((3, sides[0]), sides[:1], (16,), sides[1:], sides[1:])
    )
    slots = torch.tensor([3, -1, 0, 4, 1, 2, *[-1] * 10]).int()
    signs = [torch.ones(1, 16)] * 2
    arguments = x, [alpha, other], signs, slots, scale, bias
    arguments = *arguments, 0.5, 13, 5, transposed
    keeps_torchs_rules(hadamard, arguments, transposed)


@pytest.mark.parametrize(
    ("sides", "shape", "turned"),
    [
        (((16, 16), (2, 2)), (1024, 1024), True),
        (((16, 16), (2, 2)), (600, 1100), False),
        (((16, 32), (2, 1)), (700, 300), False),
        (((16, 32), (2, 1)), (700, 300), True),
    ],
    ids=str,
)
def test_rows_cut_into_tiles(turned, shape, sides, monkeypatch, rng):
    """As orders above 8,192 are; here with tiles that are soon computed."""
    setting = settings.Setting(*sides, stages=1)
    monkeypatch.setattr(launches, "setting", lambda *_: setting)
    case = Conformance()
    case.implementation = "triton"
    case.check("hadamard", "seed", shape, turned, "float32", rng)


def test_slots_are_made_again_where_positions_change(rng):
    operands, _ = stages((13, 5))
    positions = operands[0].positions
    x = torch.ones(1, 13)
    call = lambda: kernels.modulate(  # noqa: E731
        operands, x, [None], implementation="triton"
    )
    first = call()
    assert calls._slots_of(operands[0]) is calls._slots_of(operands[0])
    positions.assign(ops.flip(positions.value))
    torch.testing.assert_close(call(), first.flip(-1), rtol=0, atol=0)


@pytest.mark.parametrize("widths", [(1, 1, 1), (5, 8, 8, 7)], ids=str)
def test_what_lies_behind_a_vector_is_not_read(widths, rng):
    """A program has room for more numbers than a small order has."""
    operands, matrices = stages(widths)

    def at_the_edge(values):
        buffer = torch.full((values.shape[-1] + 64,), torch.nan)
        buffer[: values.shape[-1]] = ops.convert_to_tensor(values).ravel()
        return buffer[: values.shape[-1]]

    alphas = [
        at_the_edge(rng.normal(size=len(p)).astype("float32")) for p in matrices
    ]
    operands = [
        dataclasses.replace(op, signs=at_the_edge(op.signs)[None])
        for op in operands
    ]
    x = rng.normal(size=(3, widths[0])).astype("float32")
    y = kernels.modulate(
        operands, torch.tensor(x), alphas, implementation="triton"
    )
    wanted = x
    for alpha, p in zip(alphas, matrices, strict=True):
        wanted = (wanted * ops.convert_to_numpy(alpha)) @ p
    y = ops.convert_to_numpy(y)
    np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)
