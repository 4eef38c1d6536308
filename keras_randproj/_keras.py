"""Every private touch of Keras, each with its reason. Seen in Keras 3.15.1."""

import contextlib
import sys
from typing import Any


def layers_in(layer):
    """A layer and all layers inside it, each once.

    `Model.layers` lists the outermost only, and other layers have no list.
    """
    found = {id(part): part for part in layer._flatten_layers()}
    return list(found.values())


def children(layer):
    """The layers that a layer holds itself, each once."""
    inner = layer._flatten_layers(include_self=False, recursive=False)
    return list({id(part): part for part in inner}.values())


def list_parameters_again(layers):
    """Has layers list their parameters anew when these are next used.

    On PyTorch a layer keeps a list of those that it and the layers in it had
    when it was built; so does the functional model in a `Sequential`, which
    is a module of it but none of its layers. On other backends nothing
    happens.

    Args:
        layers: Iterable of layers.
    """
    for layer in layers:
        modules = list(layer.modules()) if hasattr(layer, "modules") else []
        for module in modules:
            if hasattr(module, "_torch_params"):
                del module._torch_params


@contextlib.contextmanager
def unlocked(layer):
    """Lets attributes of a built layer hold other weights and layers."""
    tracker = layer._tracker
    locked = tracker.locked
    tracker.unlock()
    try:
        yield tracker
    finally:
        if locked:
            tracker.lock()


def untrack(layer, variable):
    """Takes a weight from a layer's lists; Keras only ever adds."""
    layer._untrack_variable(variable)


def hold(layer, name, items):
    """Makes the items of a list attributes of a layer as well.

    TensorFlow's checkpoints follow attributes, and not the lists that Keras
    makes of an attribute. The names sort behind the list's, so that files
    keep the places that they give to the list's items.

    Args:
        layer: The layer that has the list as its attribute `name`.
        name: String.
        items: The list.
    """
    for k, item in enumerate(items):
        setattr(layer, f"{name}_{k}", item)


def shared_objects() -> dict[Any, Any] | None:
    """What the load of a model that is going on has shared so far.

    `keras.saving.load_model` opens a scope for one load and one thread, in
    which layers are built before any weight is read. The only thing that
    tells one load from the next is the dict of that scope, which is the
    global attribute `shared_objects/id_to_obj_map`. No public name leads to
    it; `clear_session` is public and lives beside it.

    Returns:
        The dict, or `None` outside of a load.
    """
    import keras  # A file is verified where there is none.

    module = sys.modules[keras.utils.clear_session.__module__]
    return module.get_global_attribute("shared_objects/id_to_obj_map")


def opened_file(store: Any) -> Any:
    """The `h5py.File` behind a store of weights; `None` for other stores.

    `load_own_variables` gets a store that reads an array as soon as it is
    asked for, so that its shape would be known too late. `H5IOStore` and
    `ShardedH5IOStore` keep the file as `h5_file`.
    """
    return getattr(store, "h5_file", None)


def shard_index(store: Any) -> tuple[Any, Any] | None:
    """Path and contents of the index of sharded weights; `None` for others.

    `ShardedH5IOStore` has one shard open at a time and keeps the index of all
    as `path` and `sharding_config`.
    """
    if not hasattr(store, "sharding_config"):
        return None
    return store.path, store.sharding_config
