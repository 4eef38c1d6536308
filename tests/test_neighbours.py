"""Keras's own tools on models in which our layers stand beside others."""

import warnings

import h5py
import keras
import numpy as np
import pytest
from keras import ops
from representatives import run_everywhere

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj import PRPTransformerBlock
from keras_randproj.transfer import distill_layer
from keras_randproj.transfer import merge

rng = np.random.default_rng(0)
X = rng.normal(size=(64, 12)).astype("float32")
Y = (X[:, :3] * 2 + X[:, 3:6]).astype("float32")
WEIGHT_ONLY = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
CONFIGS = {"int8": None, "int4": None, "weights": WEIGHT_ONLY}


def model_of(prp=None, **eugen):
    options = {"order": 1, "seed": 2, **eugen}
    return keras.Sequential(
        [
            keras.Input((12,)),
            keras.layers.Dense(20, "tanh", name="dense"),
            PRPDense(20, seed=1, name="prp", **(prp or {})),
            EUGenDense(16, 32, name="eugen", **options),
            keras.layers.Dense(3, name="last"),
        ],
        name="model",
    )


def blocks():
    options = {"num_heads": 2, "intermediate_dim": 8}
    return keras.Sequential(
        [
            keras.Input((4, 6)),
            PRPTransformerBlock(
                feed_forward="dense",
                attention="dense",
                projection_seed=3,
                name="dense",
                **options,
            ),
            PRPTransformerBlock(
                feed_forward="eugen", projection_seed=4, name="eugen", **options
            ),
        ]
    )


def numpy_of(tensor):
    return ops.convert_to_numpy(ops.cast(tensor, "float32"))


def fit(model, epochs=2):
    model.compile("adam", "mse")
    model.fit(X, Y, batch_size=16, epochs=epochs, verbose=0)


def projections_of(model):
    return [
        part
        for part in model._flatten_layers()
        if "projection" in part.name and hasattr(part, "digest")
    ]


def digests(model):
    found = [part.digest() for part in projections_of(model)]
    assert found
    return found


def head(model):
    return model.get_layer("eugen").head


def quantized(model, mode="int8", config=None):
    """Quantises the model and returns what Keras warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.quantize(None if config else mode, config=config)
    return [str(w.message) for w in caught]


def modes(model):
    return {
        part.path: part.quantization_mode
        for part in model._flatten_layers()
        if part.quantization_mode is not None
    }


# Quantisation.


def test_quantize_takes_dense_parts_and_leaves_ours_with_a_reason():
    model = model_of()
    fit(model)
    before = model.predict(X, verbose=0)
    ours = {w.path: numpy_of(w) for w in model.get_layer("prp").weights}
    matrices = digests(model)
    kernel = numpy_of(head(model).kernel).astype("float64")
    reasons = quantized(model)
    taken = ("model/dense", "model/eugen/eugen_head", "model/last")
    assert modes(model) == dict.fromkeys(taken, "int8")
    for part in projections_of(model):
        assert any(
            f"'{part.path}'" in reason and "no trained matrix" in reason
            for reason in reasons
        ), reasons
    integers = ops.convert_to_numpy(head(model)._kernel)
    assert integers.dtype == "int8"
    scaled = kernel * 127 / np.abs(kernel).max(axis=0)
    assert np.abs(integers - scaled).max() < 0.501
    for weight in model.get_layer("prp").weights:
        np.testing.assert_array_equal(numpy_of(weight), ours[weight.path])
    assert digests(model) == matrices
    after = model.predict(X, verbose=0)
    error = np.sqrt(np.mean((after - before) ** 2) / np.mean(before**2))
    assert 0 < error < 0.05


@pytest.mark.one_backend
def test_trained_features_say_why_they_are_left():
    reasons = quantized(model_of(trainable_projection=True))
    assert any("factor_0' is left as it is" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("kind", "policy"),
    [("int8", "mixed_bfloat16"), ("int4", "float32"), ("weights", "float32")],
)
def test_a_quantized_head_computes_what_a_quantized_dense_does(kind, policy):
    eugen = EUGenDense(16, 32, activation="relu", seed=2, dtype=policy)
    dense = keras.layers.Dense(16, "relu", dtype=policy)
    eugen.build((None, 12))
    dense.build((None, 64))
    dense.set_weights([eugen.kernel, np.linspace(-1, 1, 16)])
    eugen.bias.assign(dense.bias)
    plain = numpy_of(eugen(X))
    mode = "int8" if kind == "weights" else kind
    for layer in (eugen.head, dense):
        layer.quantize(mode, config=CONFIGS[kind])
    found = numpy_of(eugen(X))
    np.testing.assert_array_equal(found, numpy_of(dense(eugen.features(X))))
    assert np.any(found != plain)


def test_a_mode_that_a_head_cannot_take_leaves_it():
    model = model_of()
    reasons = quantized(model, "float8")
    assert "model/eugen/eugen_head" not in modes(model)
    assert any("'int8' and 'int4'" in reason for reason in reasons)


@pytest.mark.parametrize("kind", run_everywhere(["int8"], CONFIGS))
def test_a_quantized_model_is_saved_and_loaded(kind, tmp_path):
    model = model_of()
    quantized(model, kind, CONFIGS[kind])
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    assert len(modes(again)) == 3
    assert head(again).quantization_mode == head(model).quantization_mode
    assert head(again)._kernel.dtype == "int8"
    np.testing.assert_allclose(
        again.predict(X, verbose=0), expected, rtol=1e-5, atol=1e-5
    )
    assert digests(again) == digests(model)


@pytest.mark.one_backend
def test_a_quantized_block_is_saved_and_loaded(tmp_path):
    model = blocks()
    x = X.reshape(-1, 4, 6)
    model.save(tmp_path / "float.keras")
    quantized(model)
    expected = model.predict(x, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    names = sorted(path.split("/")[-1] for path in modes(again))
    attention = ["attention_output", "key", "query", "value"]
    assert names == sorted([*attention, "eugen_head", "intermediate", "output"])
    np.testing.assert_allclose(
        again.predict(x, verbose=0), expected, rtol=1e-5, atol=1e-5
    )
    for part in again._flatten_layers():
        # What PyTorch lists is what the layer computes with.
        for path, value in getattr(part, "torch_params", {}).items():
            assert any(value is w.value for w in part.weights), path


def test_a_file_that_adapts_what_is_not_there_is_refused():
    for adapted, message in (
        ({"dense": {}}, r"eugen_head.*Received: adapted"),
        (["eugen_head"], r"eugen_head.*Received: adapted"),
        ({"eugen_head": {"lora_rank": 2**40}}, "more than the limit"),
        ({"eugen_head": {"lora_rank": -1}}, "Received: lora_rank=-1"),
    ):
        layer = EUGenDense(4, 8, seed=1)
        with pytest.raises(ValueError, match=message):
            layer.build_from_config(
                {"input_shape": (None, 6), "adapted": adapted}
            )


@pytest.mark.one_backend
def test_weights_of_a_quantized_model_do_not_fit_a_plain_one(tmp_path):
    model = model_of()
    quantized(model)
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(ValueError, match=r"eugen_head|dense"):
        model_of().load_weights(tmp_path / "m.weights.h5")


@pytest.mark.one_backend
def test_numbers_are_not_taken_from_quantized_layers():
    eugen = EUGenDense(5, 8, seed=1)
    dense = keras.layers.Dense(5)
    following = keras.layers.Dense(3)
    for layer, width in ((eugen, 6), (dense, 6), (following, 5)):
        layer.build((None, width))
    x, y = X[:, :6], X[:, :5]
    dense.quantize("int8")
    with pytest.raises(ValueError, match="must not be quantised"):
        EUGenDense.from_dense(dense, 2, 8)
    report = distill_layer(eugen, dense, x, ridge=1.0, verbose=0)
    assert report.low_rank_error is None
    eugen.head.quantize("int8")
    with pytest.raises(ValueError, match="must not be quantised"):
        merge(eugen, following)
    with pytest.raises(ValueError, match="plain head"):
        distill_layer(eugen, None, [(x, y)], verbose=0)


# Low-rank adapters.


@pytest.mark.parametrize(
    "mode", [None, pytest.param("int8", marks=pytest.mark.one_backend)]
)
def test_lora_on_the_neighbours_and_on_a_head(mode, tmp_path):
    model = model_of()
    if mode:
        quantized(model, mode)
    adapted = [model.get_layer("dense"), head(model)]
    for layer in adapted:
        layer.enable_lora(2)
    matrices = digests(model)
    frozen = [numpy_of(layer._kernel) for layer in adapted]
    before = {w.path: numpy_of(w) for w in model.trainable_weights}
    names = [path.split("/")[-1] for path in before if "eugen_head" in path]
    assert sorted(names) == ["bias", "lora_kernel_a", "lora_kernel_b"]
    fit(model)
    for weight in model.trainable_weights:
        assert np.any(numpy_of(weight) != before[weight.path]), weight.path
    for layer, kernel in zip(adapted, frozen, strict=True):
        np.testing.assert_array_equal(numpy_of(layer._kernel), kernel)
    assert digests(model) == matrices
    expected = model.predict(X, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    # Keras merges the adapters into the kernels of the file, and quantises
    # these again.
    tolerance = 1e-5 if mode is None else 0.05 * np.abs(expected).max()
    np.testing.assert_allclose(
        again.predict(X, verbose=0), expected, rtol=0, atol=tolerance
    )
    assert head(again).quantization_mode == mode
    assert [w.shape for w in again.trainable_weights] == [
        w.shape for w in model.trainable_weights
    ]
    again.fit(X, Y, verbose=0)


def test_lora_is_merged_into_the_weights_of_a_file(tmp_path):
    model = model_of()
    head(model).enable_lora(2)
    head(model).lora_kernel_b.assign(np.ones((2, 16)))
    model.save_weights(tmp_path / "m.weights.h5")
    plain = model_of()
    plain.load_weights(tmp_path / "m.weights.h5")
    a = numpy_of(head(model).lora_kernel_a)
    np.testing.assert_allclose(
        numpy_of(plain.get_layer("eugen").kernel),
        numpy_of(head(model)._kernel) + a @ np.ones((2, 16)),
        rtol=1e-5,
        atol=1e-6,
    )
    with h5py.File(tmp_path / "m.weights.h5") as file:
        assert sorted(file["layers/eu_gen_dense/vars"]) == ["0", "1"]


# Freezing.


def test_a_frozen_layer_stays_and_thaws():
    model = model_of()
    ours = [model.get_layer(name) for name in ("prp", "eugen")]
    for layer in ours:
        layer.trainable = False
        assert layer.trainable_weights == []
    before = [numpy_of(w) for layer in ours for w in layer.weights]
    dense = numpy_of(model.get_layer("dense").kernel)
    fit(model)
    after = [numpy_of(w) for layer in ours for w in layer.weights]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert np.any(numpy_of(model.get_layer("dense").kernel) != dense)
    for layer, trained in zip(ours, (3, 2), strict=True):
        layer.trainable = True
        assert len(layer.trainable_weights) == trained
        assert len(layer.weights) > trained
    fit(model)
    assert np.any(numpy_of(ours[0].alpha) != before[0])
    assert np.any(numpy_of(ours[1].kernel) != numpy_of(before[-3]))


def test_a_frozen_layer_is_frozen_when_it_is_loaded(tmp_path):
    model = model_of()
    for name in ("prp", "eugen"):
        model.get_layer(name).trainable = False
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    paths = {w.path.split("/")[-2] for w in again.trainable_weights}
    assert paths == {"dense", "last"}


# Distillation.


def test_distillation_from_our_layers_into_our_layers():
    keras.utils.set_random_seed(0)
    teacher = keras.Sequential(
        [keras.Input((12,)), PRPDense(8, seed=5), EUGenDense(3, 8, seed=6)]
    )
    student = model_of()
    weights = [numpy_of(w) for w in teacher.weights]
    matrices = digests(student)

    def distance():
        error = teacher.predict(X, verbose=0) - student.predict(X, verbose=0)
        return np.mean(error**2)

    first = distance()
    distiller = keras.distillation.Distiller(
        teacher=teacher,
        student=student,
        distillation_losses=keras.distillation.LogitsDistillation(loss="mse"),
        student_loss_weight=0.0,
    )
    distiller.compile(keras.optimizers.Adam(1e-2), loss="mse")
    distiller.fit(X, Y, epochs=20, batch_size=16, verbose=0)
    assert distance() < 0.3 * first
    assert digests(student) == matrices
    for old, weight in zip(weights, teacher.weights, strict=True):
        np.testing.assert_array_equal(old, numpy_of(weight))


# Mixed policies.


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "float32"])
def test_one_layer_of_another_policy(policy):
    model = model_of({"dtype": policy})
    layer = model.get_layer("prp")
    compute = keras.dtype_policies.get(policy).compute_dtype
    assert layer.projection.compute_dtype == compute
    assert {w.dtype for w in layer.weights} == {"float32"}
    out = model(X)
    assert keras.backend.standardize_dtype(out.dtype) == "float32"
    plain = model_of()
    plain.set_weights(model.get_weights())
    same = np.array_equal(numpy_of(out), numpy_of(plain(X)))
    assert same == (policy == "float32")
    np.testing.assert_allclose(
        numpy_of(out), numpy_of(plain(X)), rtol=0.1, atol=0.1
    )
    fit(model)


def test_a_policy_map_reaches_our_layers():
    policies = keras.dtype_policies.DTypePolicyMap()
    policies["(.*/)?prp"] = keras.dtype_policies.DTypePolicy("mixed_bfloat16")
    for name in ("prp/projection", "eugen/eugen_head"):
        bfloat16 = keras.dtype_policies.DTypePolicy("bfloat16")
        policies[f"(.*/)?{name}"] = bfloat16
    model = model_of({"dtype": policies}, dtype=policies)

    layer = model.get_layer("prp")
    assert layer.compute_dtype == "bfloat16"
    assert layer.alpha.dtype == "float32"
    assert layer.projection.matrix.dtype == "bfloat16"
    eugen = model.get_layer("eugen")
    assert eugen.compute_dtype == "float32"
    assert eugen.kernel.dtype == "bfloat16"
    factor = eugen.features.factors[0]
    assert factor.blocks[0].matrix.dtype == "float32"
    plain = model_of()
    plain.set_weights([numpy_of(w) for w in model.weights])
    expected = numpy_of(plain(X))
    error = np.abs(numpy_of(model(X)) - expected).max()
    assert 0 < error < 0.05 * np.abs(expected).max()
