"""Inputs of every kind: integers, booleans, sparse tensors, other floats."""

import keras
import numpy as np
import pytest
from keras import ops

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPMultiHeadAttention
from keras_randproj import PRPTransformerBlock
from keras_randproj import projections
from keras_randproj.layers.eugen.factor import EUGenFactor

pytestmark = pytest.mark.gpu

BACKEND = keras.backend.backend()
LAYERS = {
    "Dense": lambda: keras.layers.Dense(5),
    "dense": lambda: PRPDense(5, seed=1, residual_rank=2),
    "hadamard": lambda: PRPDense(5, projection="hadamard", seed=1),
    "seed": lambda: PRPDense(5, storage="seed", seed=1),
    "packed": lambda: PRPDense(
        5, projection="rademacher", storage="packed", seed=1
    ),
    "Gaussian": lambda: projections.Gaussian(5, seed=1),
    "Hadamard": lambda: projections.Hadamard(5, seed=1),
    "eugen": lambda: EUGenDense(3, 4, seed=1),
    "modulated": lambda: EUGenDense(3, 4, modulation=True, seed=1),
    "trained": lambda: EUGenDense(3, 4, trainable_projection=True, seed=1),
    "factor": lambda: EUGenFactor(4, mode="trained", seed=1),
}
layers = pytest.mark.parametrize("kind", LAYERS)
# Dtypes of inputs by policy. A model is built for each: few of each sort.
GIVEN = {
    "float32": ("uint8", "bool", "int32", "float64", "float16"),
    "mixed_bfloat16": ("uint8", "float64"),
    "bfloat16": ("bool", "float16"),
}


def numbers(dtype="float32"):
    return np.random.default_rng(0).integers(0, 3, (3, 7)).astype(dtype)


def close(found, wanted):
    np.testing.assert_array_equal(
        *(ops.convert_to_numpy(ops.cast(v, "float32")) for v in (found, wanted))
    )


@layers
@pytest.mark.parametrize("policy", GIVEN)
def test_integers_are_cast_first(kind, policy):
    """As numbers and in a model; Dense does the same."""
    for dtype in GIVEN[policy]:
        x = numbers(dtype)
        with Policy(policy):
            layer = LAYERS[kind]()
            inputs = keras.Input((7,), dtype=dtype)
            model = keras.Model(inputs, layer(inputs))
        wanted = layer(ops.convert_to_tensor(x.astype("float32")))
        for found in (layer(ops.convert_to_tensor(x)), model(x)):
            close(found, wanted)
            found = keras.backend.standardize_dtype(found.dtype)
            assert found == layer.compute_dtype
        assert model.outputs[0].dtype == layer.compute_dtype


class Policy:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = keras.config.dtype_policy()
        keras.config.set_dtype_policy(self.name)

    def __exit__(self, *_):
        keras.config.set_dtype_policy(self.before)


@layers
def test_outputs_where_the_default_is_half_precision(kind):
    # The policy first: the one it finds is made from the default.
    with Policy("bfloat16"):
        keras.config.set_floatx("bfloat16")
        try:
            layer = LAYERS[kind]()
            y = layer(ops.convert_to_tensor(numbers()))
            assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
            assert layer(keras.Input((7,))).dtype == "bfloat16"
        finally:
            keras.config.set_floatx("float32")


def sparse(x):
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return [tf.sparse.from_dense(x)]
    if BACKEND == "jax":
        from jax.experimental.sparse import BCOO

        return [BCOO.fromdense(x)]
    import torch

    rows = [torch.tensor(x).to_sparse_csr()] if x.ndim == 2 else []
    return [torch.tensor(x).to_sparse(), *rows]


@layers
def test_sparse_inputs_are_the_dense_ones(kind):
    if kind == "factor":
        return
    layer, x = LAYERS[kind](), numbers()
    wanted = ops.convert_to_numpy(layer(ops.convert_to_tensor(x)))
    for tensor in sparse(x):
        found = ops.convert_to_numpy(layer(tensor))
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def over_itself(layer):
    return lambda x: layer(x, x, use_causal_mask=True)


SEQUENCES = {
    "attention": lambda: over_itself(
        PRPMultiHeadAttention(2, 3, projection_seed=1, use_gate=True)
    ),
    "block": lambda: PRPTransformerBlock(2, 8, projection_seed=1, causal=True),
    "dense block": lambda: PRPTransformerBlock(
        2, 8, attention="dense", feed_forward="dense", norm_first=False
    ),
}


@pytest.mark.parametrize("kind", SEQUENCES)
def test_sparse_sequences_are_the_dense_ones(kind):
    call = SEQUENCES[kind]()
    x = np.random.default_rng(0).integers(-2, 3, (2, 5, 6)).astype("float32")
    wanted = ops.convert_to_numpy(call(ops.convert_to_tensor(x)))
    found = ops.convert_to_numpy(call(sparse(x)[0]))
    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
    # Integers are cast first, there too.
    found = call(ops.convert_to_tensor(x.astype("int32")))
    np.testing.assert_allclose(
        ops.convert_to_numpy(found), wanted, rtol=1e-5, atol=1e-5
    )


# Each is compiled three times: one of a sort.
IN_FIT = [
    *((kind, False) for kind in ("hadamard", "packed", "eugen")),
    *((kind, True) for kind in ("Dense", "seed", "modulated")),
]


@pytest.mark.parametrize(("kind", "declared"), IN_FIT)
def test_a_scipy_matrix_in_fit(kind, declared):
    csr_matrix = pytest.importorskip("scipy.sparse").csr_matrix
    if BACKEND == "torch" and declared:
        with pytest.raises(ValueError, match="sparse"):
            keras.Input((7,), sparse=True)
        return
    x, trained = numbers(), []
    for data in (csr_matrix(x), x):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [keras.Input((7,), sparse=declared), LAYERS[kind]()]
        )
        model.compile(keras.optimizers.SGD(1e-3), "mse")
        if data is x and declared:
            data = csr_matrix(x)
            model = keras.Sequential([keras.Input((7,)), *model.layers])
            model.compile(keras.optimizers.SGD(1e-3), "mse")
        y = np.zeros((3, model.output_shape[-1]), "float32")
        model.fit(data, y, verbose=0)
        trained.append(model.get_weights())
    for ours, plain in zip(*trained, strict=True):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)
