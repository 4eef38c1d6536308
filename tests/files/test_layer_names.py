"""Names of layers by their places, of configurations that are not trusted."""

import pytest

from keras_randproj.files import layer_names as module
from keras_randproj.files.layer_names import layer_names
from keras_randproj.files.layer_names import named

pytestmark = pytest.mark.one_backend


def layer(name, kind="Dense", **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def model(*layers, **config):
    return {"config": {"layers": [*layers], **config}}


def test_places_are_numbered_a_class_and_a_model():
    inner = layer("c", "Functional", layers=[layer("d"), layer("e")])
    found = layer_names(model(layer("a"), layer("b"), inner, layer("f")))
    assert found == {
        "layers/dense": "a",
        "layers/dense_1": "b",
        "layers/functional": "c",
        "layers/functional/layers/dense": "d",
        "layers/functional/layers/dense_1": "e",
        "layers/dense_2": "f",
    }


def test_what_a_wrapper_holds_is_found():
    wrapper = layer("w", "TimeDistributed", layer=layer("inside", "PRPDense"))
    found = layer_names(model(wrapper))
    assert found["layers/time_distributed/layer"] == "inside"
    place = "layers/time_distributed/layer/projection"
    assert named(place, found) == "inside/projection"
    assert named("layers/other", found) == ""


@pytest.mark.parametrize(
    "config", [None, [], 7, {"config": []}, {"config": {"layers": {"a": 1}}}]
)
def test_what_is_no_configuration_has_no_names(config):
    assert layer_names(config) == {}
    assert layer_names(model(config, layer(None), layer(["x"]))) == {}


def test_depth_length_and_number_are_bounded(monkeypatch):
    chain = layer("bottom")
    for _ in range(module.MAX_DEPTH + 5):
        chain = layer("c", "A", layers=[chain])
    assert len(layer_names(model(chain))) == module.MAX_DEPTH + 1
    long = layer("l", "x" * 2000, layers=[layer("inside")])
    wrapper = layer("w", "W", **{"k" * 2000: layer("inside")})
    found = layer_names(model(long, wrapper, layer("a")))
    assert found == {"layers/w": "w", "layers/dense": "a"}
    monkeypatch.setattr(module, "MAX_LAYERS", 3)
    many = [layer(name) for name in "abcde"]
    assert list(layer_names(model(*many)).values()) == ["a", "b", "c"]
