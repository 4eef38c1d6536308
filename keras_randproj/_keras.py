"""Every private touch of Keras, each with its reason. Seen in Keras 3.15.1."""

import contextlib


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
