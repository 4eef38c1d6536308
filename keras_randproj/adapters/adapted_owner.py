"""A layer that makes layers itself, of which some have adapters."""

import functools
from typing import Any

import keras

from keras_randproj import _keras
from keras_randproj.adapters import frozen
from keras_randproj.adapters.adapted_layer import AdaptedLayer
from keras_randproj.adapters.surround import surround
from keras_randproj.transfer.rebuild import is_graph

# By the class of a layer: the subclass that says which parts are adapted.
_made: dict[Any, Any] = {}


@keras.saving.register_keras_serializable("keras_randproj")
class AdaptedOwner:
    """Attention, a block, a backbone or a model with adapted layers inside.

    The config of such a layer does not hold those that it makes. While there
    are adapters in it, its class is a subclass whose config says which.
    """

    # The layer's own class.
    base_class: type[keras.layers.Layer]

    def get_config(self):
        # The base's own words, in a place of their own.
        mine, self.__class__ = type(self), self.base_class
        try:
            owner = keras.saving.serialize_keras_object(self)
        finally:
            self.__class__ = mine
        for part in ("build_config", "compile_config"):
            owner.pop(part, None)
        adapters = [
            {
                "place": place,
                "name": layer.name,  # type: ignore[attr-defined]
                "adapter": keras.saving.serialize_keras_object(layer.adapter),
            }
            for place, layer in enumerate(_places(self))
            if isinstance(layer, AdaptedLayer)
        ]
        return {"owner": owner, "adapters": adapters}

    @classmethod
    def from_config(cls, config):
        owner = keras.saving.deserialize_keras_object(config["owner"])
        owner.__class__ = _class_for(type(owner))
        waiting = [config["adapters"]]

        def adapt():
            if waiting:
                _adapt(owner, waiting.pop())

        if owner.built:
            adapt()
            return owner
        # Keras builds it by one or the other, and puts wrappers of its own
        # into attributes of a layer too.
        for name in ("build", "build_from_config"):
            setattr(owner, name, _then(getattr(owner, name), adapt))
        return owner

    def forget(self):
        """Makes the layer what it was; its adapters are off already."""
        self.__class__ = self.base_class


def remember(model):
    """Has configs say where the adapters in a model are.

    Those of graphs of layers (Sequential, Functional) hold their layers'
    configs, and an adapted layer's says so itself.

    Args:
        model: A model with adapted layers.
    """
    if isinstance(model, AdaptedLayer):
        return
    if is_graph(model):
        for layer in _keras.children(model):
            remember(layer)
    elif any(isinstance(part, AdaptedLayer) for part in _places(model)):
        model.__class__ = _class_for(type(model))


def _then(method, follow):
    @functools.wraps(method)
    def both(*args, **kwargs):
        method(*args, **kwargs)
        follow()

    return both


def _adapt(owner, adapters):
    places = _places(owner)
    layers = []
    for found in adapters:
        layer = places[found["place"]]
        if layer.name != found["name"]:
            raise ValueError(
                f"'{owner.name}' has the layer '{layer.name}' where its "
                f"adapter was for '{found['name']}'."
            )
        # The config of a wrapper holds its layer's, which says so itself.
        if not isinstance(layer, AdaptedLayer):
            adapter = keras.saving.deserialize_keras_object(found["adapter"])
            surround(layer, adapter)
        layers.append(layer)
    frozen.freeze(owner, layers)
    _keras.list_parameters_again(_keras.layers_in(owner))


def _places(owner):
    """The layers in an owner in an order of their own, adapters left out."""
    found = {}

    def walk(layer):
        for child in _keras.children(layer):
            if id(child) not in found:
                found[id(child)] = child
                if not isinstance(child, AdaptedLayer):
                    walk(child)

    walk(owner)
    return list(found.values())


def _class_for(base: Any) -> Any:
    if base not in _made:
        names = {"base_class": base, "__module__": __name__}
        made = type(AdaptedOwner.__name__, (AdaptedOwner, base), names)
        # All under one name: what is made is said by the config alone.
        register = keras.saving.register_keras_serializable("keras_randproj")
        _made[base] = register(made)
    return _made[base]
