"""`summary`: counts against Keras's own and against arithmetic."""

import keras
import numpy as np
import pytest

from keras_randproj import EUGenDense
from keras_randproj import PRPDense
from keras_randproj.report import summary


def model(**arguments):
    return keras.Sequential(
        [
            keras.Input((784,)),
            PRPDense(512, **arguments),
            keras.layers.BatchNormalization(),
            PRPDense(256, **arguments),
            keras.layers.Dense(10),
        ]
    )


def test_rows_and_total():
    net = model(projection="gaussian")
    rows = summary(net)
    first, norm, second, dense, total = rows
    assert first.trainable == 784 + 2 * 512
    assert first.dense == 784 * 512 + 512
    assert first.memory == 4 * (784 + 2 * 512 + 784 * 512)
    assert first.reduction == pytest.approx(first.dense / first.trainable)
    assert norm.trainable == norm.dense == 2 * 512
    assert second.dense == 512 * 256 + 256
    assert dense.dense == dense.trainable == 256 * 10 + 10
    assert total.trainable == sum(_size(w) for w in net.trainable_weights)
    assert total.dense == sum(r.dense for r in rows[:-1])
    assert total.file == sum(r.file for r in rows[:-1])


def _size(weight):
    size = 1
    for dimension in weight.shape:
        size *= dimension
    return size


def test_file_bytes_leave_the_matrix_out():
    first = summary(model(projection="rademacher"))[0]
    vectors = 4 * (784 + 2 * 512)
    assert vectors < first.file < vectors + 200


def test_nested_models_are_entered():
    inner = keras.Sequential([keras.Input((8,)), PRPDense(4)], name="inner")
    outer = keras.Sequential([keras.Input((8,)), inner, PRPDense(2)])
    assert [row.type for row in summary(outer)[:-1]] == ["PRPDense"] * 2


def test_text_has_a_line_for_each_row():
    rows = summary(model())
    lines = str(rows).splitlines()
    assert len(lines) == len(rows) + 3
    assert lines[-1].startswith("total")


def test_names_of_layers_are_printed_on_one_line():
    """They come from files, and may hold what a terminal obeys."""
    name = "a\x1b[2J\r\nok: b\u202e"
    layer = keras.layers.Dense(2, name=name)
    printed = str(summary(keras.Sequential([keras.Input((4,)), layer])))
    assert all(line.isprintable() for line in printed.splitlines())
    assert len(printed.splitlines()) == 5
    assert r"a\x1b[2J\r\nok: b\u202e " in printed


def test_rows_become_dicts():
    row = summary(model())[0].as_dict()
    assert row["reduction"] == row["dense"] / row["trainable"]


def test_an_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="built"):
        summary(keras.Sequential([PRPDense(4)]))


def test_flops_are_twice_the_products():
    net = keras.Sequential(
        [
            keras.Input((64,)),
            PRPDense(32, residual_rank=2),
            keras.layers.BatchNormalization(),
            PRPDense(64, projection="hadamard"),
            keras.layers.Dense(10),
        ]
    )
    flops = [row.flops for row in summary(net)]
    first = 2 * (64 * 32 + 2 * (64 + 32))
    # 32 inputs and 64 outputs: two groups of a transform of 32 = 4 * 8.
    hadamard = 2 * 2 * 32 * (4 + 8)
    assert flops[:-1] == [first, 0, hadamard, 2 * 64 * 10]
    assert flops[-1] == sum(flops[:-1])


def test_flops_are_unknown_where_a_matrix_is_no_dense_layers():
    net = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Conv2D(4, 3),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(10),
        ]
    )
    rows = summary(net)
    assert [row.flops for row in rows] == [None, 80, 80]
    assert str(rows).splitlines()[2].endswith("-")


def test_eugen_dense_stands_for_a_dense():
    layer = EUGenDense(32, num_features=8, order=2, seed=1)
    net = keras.Sequential([keras.Input((64,)), layer])
    row = summary(net)[0]
    assert row.type == "EUGenDense"
    assert row.trainable == 2 * 8 * 32 + 32
    assert row.dense == 64 * 32 + 32
    assert row.flops == 2 * (2 * 65 * 8 + 2 * 8 * 32)
    assert row.memory == 4 * (row.trainable + 2 * 65 * 8)


def test_a_layer_used_twice_counts_once():
    """In the rows, in the total and in the bytes of a file."""
    layer = PRPDense(8, seed=1)
    x = keras.Input((8,))
    twice = keras.Model(x, layer(layer(x)))
    once = keras.Sequential([keras.Input((8,)), PRPDense(8, seed=1)])
    ours, plain = (summary(m)[-1] for m in (twice, once))
    for name in ("trainable", "dense", "memory", "file"):
        assert getattr(ours, name) == getattr(plain, name)


def test_bytes_of_child_layers_count():
    """A EUGen writes its own arrays and, in its children, its recipes."""
    model = keras.Sequential([keras.Input((8,)), EUGenDense(4, 6, seed=1)])
    head = 4 * (12 * 4 + 4)
    store: dict = {}
    model.layers[0].save_own_variables(store)
    assert sum(np.asarray(v).nbytes for v in store.values()) == head
    # Two recipes of an orthogonal matrix and the seed of the features.
    recipe = 4 + 16 + len("orthogonal") + len("{}") + 8 + 16
    assert summary(model)[-1].file == head + 2 * recipe + 8
