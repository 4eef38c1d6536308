"""The parameters that Keras's layers list for PyTorch."""


def list_again(layers):
    """Has layers list their parameters anew when these are next used.

    On PyTorch a layer keeps a list of those that it and the layers in it had
    when it was built. On other backends nothing happens.

    Args:
        layers: Iterable of layers.
    """
    for layer in layers:
        if hasattr(layer, "_torch_params"):
            del layer._torch_params
