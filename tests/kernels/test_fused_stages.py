"""Which stages share a Triton kernel, and what is launched."""

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
from keras_randproj.kernels.triton.runs import runs

if keras.backend.backend() != "torch":
    pytest.skip("Triton's kernels are torch's", allow_module_level=True)

import torch

from keras_randproj.kernels.triton import hadamard
from keras_randproj.kernels.triton import launch_stages
from keras_randproj.kernels.triton.stages_operator import hadamard_stages


@pytest.fixture
def launched(monkeypatch):
    """The names of the kernels that ran, in turn."""
    names = []

    class Recorded:
        def __init__(self, kernel):
            self.kernel = kernel

        def __getitem__(self, grid):
            names.append(self.kernel.fn.__name__)
            return self.kernel[grid]

    for module, name in (
        (hadamard, "forward_kernel"),
        (hadamard, "adjoint_kernel"),
        (launch_stages, "stages_kernel"),
    ):
        monkeypatch.setattr(module, name, Recorded(getattr(module, name)))
    return names


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
        names = list(launched)
        y.square().sum().backward()
        found.append([y, *[w.value.grad for w in layer.trainable_weights]])
        assert names == ["stages_kernel"] * (layer is layers[0])
    # Two inner activations again, and for each stage what comes back;
    # scale's gradient takes one more.
    assert len(found[0]) == 6
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_what_the_gradients_launch(launched, rng):
    operands, matrices = stages((13, 16, 16, 5))
    arrays, upstream = draw(matrices, 3, "float32", rng)
    run("triton", operands, arrays, upstream, "float32")
    names = ["stages_kernel", *["forward_kernel"] * 2]
    names += ["adjoint_kernel", "forward_kernel"]
    names += ["adjoint_kernel"] * 2
    assert launched == [*names, "stages_kernel"]


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
    assert runs([one, two.transpose(), three]) == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    with pytest.raises(RuntimeError, match="triton: the input is float64"):
        kernels.modulate(
            [one, two], x.double(), [x[0], x[0]], implementation="triton"
        )
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
    assert ours == ["keras_randproj.hadamard_stages.default"]
    for a, b in zip(*grads, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("transposed", [False, True])
def test_the_operator_keeps_torchs_rules(transposed):
    sides = (5, 13) if transposed else (13, 5)
    x, alphas, scale, bias = (
        torch.randn(size, requires_grad=True)
        for size in ((3, sides[0]), (2, 16), sides[1:], sides[1:])
    )
    slots = torch.tensor([3, -1, 0, 4, 1, 2, *[-1] * 10]).int()
    arguments = x, alphas, torch.ones(2, 16), slots, scale, bias
    torch.library.opcheck(hadamard_stages, (*arguments, 13, 5, transposed))
