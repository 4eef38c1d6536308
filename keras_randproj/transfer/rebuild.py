"""Copies of models in which some layers are others."""

import contextlib

import keras

from keras_randproj import _keras

# Where Keras and torch list what attributes already hold.
BOOKKEEPING = ("_layers", "_modules", "_torch_params")


class Rebuilder:
    """Copies a model, asking for each layer whether another replaces it.

    Models that are graphs of layers (Sequential, Functional) are rebuilt from
    their layers; layers and models that hold others in attributes are copied
    from their config and have those attributes replaced. Each copy and each
    replacement is as trainable as what it stands for, layers and weights.

    Args:
        choose: Function from a layer to its replacement, or to `None`.
        skip: Function of a layer and a reason, called where a replacement
            was chosen or a copy was due and cannot be made.
    """

    def __init__(self, choose, skip):
        self.choose = choose
        self.skip = skip
        self.made = {}
        self.owners = []
        # What is new, and whether it is to be trainable.
        self.layer_flags = []
        self.weight_flags = []

    def rebuild(self, model):
        """A copy of a model with the replacements in it."""
        new = self._visit(model)
        self._set_flags()
        _keras.list_parameters_again(self.owners)
        return new

    def _set_flags(self):
        # A layer hands its flag down to all that it holds, so those that hold
        # most come first.
        def size(flag):
            return len(_keras.layers_in(flag[0]))

        for layer, trainable in sorted(
            self.layer_flags, key=size, reverse=True
        ):
            layer.trainable = trainable
        for weight, trainable in self.weight_flags:
            weight.trainable = trainable

    def _stands_for(self, new, old):
        self.layer_flags.append((new, old.trainable))
        return new

    def _copy(self, layer):
        new = copy_layer(layer)
        for ours, theirs in zip(
            _keras.layers_in(new), _keras.layers_in(layer), strict=True
        ):
            self._stands_for(ours, theirs)
        for ours, theirs in zip(new.weights, layer.weights, strict=True):
            self.weight_flags.append((ours, theirs.trainable))
        return new

    def _visit(self, layer):
        if id(layer) not in self.made:
            # The old layer is kept so that its id stays its own.
            self.made[id(layer)] = (layer, self._make(layer))
        return self.made[id(layer)][1]

    def _make(self, layer):
        if not isinstance(layer, keras.layers.Layer):
            return type(layer).from_config(layer.get_config())
        new = self.choose(layer)
        if new is not None:
            return self._stands_for(new, layer)
        if is_graph(layer):
            return self._graph(layer)
        if isinstance(layer, keras.layers.Lambda):
            self.skip(layer, "a Lambda cannot be copied; both models share it")
            return self._stands_for(layer, layer)
        new = self._copy(layer)
        self._replace_inside(layer, new)
        return new

    def _graph(self, model):
        new = keras.models.clone_model(
            model,
            input_tensors=new_inputs(model),
            clone_function=self._visit,
        )
        return self._stands_for(new, model)

    def _replace_inside(self, old_owner, new_owner):
        self.owners.append(new_owner)
        if hasattr(old_owner, "operations"):
            for old, new in zip(
                old_owner.layers, new_owner.layers, strict=True
            ):
                if self.choose(old) is not None:
                    self.skip(
                        old,
                        f"it is a node of the graph that "
                        f"{type(old_owner).__name__} builds itself",
                    )
                else:
                    self._replace_inside(old, new)
            return
        places = zip(references(old_owner), references(new_owner), strict=True)
        for (_, _, old), (container, key, new) in list(places):
            if isinstance(container, tuple):
                self._replace_in_tuple(old, new)
                continue
            if id(old) in self.made:
                replace(new_owner, container, key, self._visit(old))
                continue
            chosen = self.choose(old)
            if chosen is None and is_graph(old):
                chosen = self._graph(old)
            if chosen is None:
                if isinstance(old, keras.layers.Lambda):
                    self.skip(old, "a Lambda is left as it is")
                self._replace_inside(old, new)
                continue
            self._stands_for(chosen, old)
            self.made[id(old)] = (old, chosen)
            replace(new_owner, container, key, chosen)

    def _replace_in_tuple(self, old, new):
        if self.choose(old) is not None:
            self.skip(
                old, "it is held in a tuple, which cannot change: use a list"
            )
            return
        self._replace_inside(old, new)


def new_inputs(model):
    """Inputs like a Functional model's, of the same names; else `None`."""
    if isinstance(model, keras.Sequential):
        return None
    names = {
        id(layer.output): layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.InputLayer)
    }
    return keras.tree.map_structure(
        lambda t: keras.Input(
            batch_shape=t.shape, dtype=t.dtype, name=names.get(id(t))
        ),
        model.input,
    )


def is_graph(layer):
    """Whether a model's config is its layers and how they are connected."""
    if isinstance(layer, keras.Sequential):
        return True
    if not hasattr(layer, "operations"):
        return False
    return {"layers", "input_layers"} <= set(layer.get_config())


def copy_layer(layer):
    """A layer with the same config and weights.

    Raises:
        ValueError: If it cannot be made from its config.
    """
    try:
        new = type(layer).from_config(layer.get_config())
        if layer.built and not new.built:
            new.build_from_config(layer.get_build_config())
        if layer.weights:
            new.set_weights(layer.get_weights())
        # A subclassed model does not say so itself when it is built by a run.
        new.built = layer.built
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ValueError(
            f"Layer '{layer.path or layer.name}' ({type(layer).__name__}) "
            "cannot be copied from its config: implement `get_config`, and "
            "create all sublayers in `__init__` or `build`. Call the model on "
            f"data before it is converted. The reason: {error}"
        ) from error
    return new


def references(owner):
    """Where a layer holds others: `(container, key, layer)` triples."""
    held = dict(vars(owner))
    held.update(held.get("_modules", {}))
    found = []
    for name, value in held.items():
        if name not in BOOKKEEPING:
            found.extend(_references(owner, name, value))
    return found


def _references(container, key, value):
    if isinstance(value, keras.layers.Layer):
        return [(container, key, value)]
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (list, tuple)):
        items = list(enumerate(value))
    else:
        return []
    return [found for k, v in items for found in _references(value, k, v)]


def replace(owner, container, key, new):
    """Puts a layer where another was, in a layer that may be built already.

    Args:
        owner: The layer that holds the place.
        container: The owner, or a list or dict in it.
        key: Attribute, index or key.
        new: The layer.
    """
    with _keras.unlocked(owner) as tracker:
        old = getattr(owner, key) if container is owner else container[key]
        tracker.untrack(old)
        if container is owner:
            setattr(owner, key, new)
        else:
            tracker.track(new)
            container[key] = new


def build_like(new, old, build_config):
    """Builds a layer under the path of the one it replaces.

    Args:
        new: The layer, built already or not.
        old: The layer that it replaces.
        build_config: What `get_build_config` of a built one would return.
    """
    if new.built:
        return
    with contextlib.ExitStack() as scopes:
        for part in (old.path or "").split("/")[:-1]:
            scopes.enter_context(keras.name_scope(part))
        new.build_from_config(build_config)
