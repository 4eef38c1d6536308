"""The parameters that Keras's layers list for PyTorch."""


def list_again(layers):
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
