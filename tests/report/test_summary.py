"""`summary`: counts against Keras's own and against arithmetic."""

import keras
import pytest

from keras_randproj import PRPDense
from keras_randproj.report import summary
from keras_randproj.report.summary import text


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
    lines = text(rows).splitlines()
    assert len(lines) == len(rows) + 3
    assert lines[-1].startswith("total")


def test_rows_become_dicts():
    row = summary(model())[0].as_dict()
    assert row["reduction"] == row["dense"] / row["trainable"]


def test_an_unbuilt_model_is_refused():
    with pytest.raises(ValueError, match="built"):
        summary(keras.Sequential([PRPDense(4)]))
