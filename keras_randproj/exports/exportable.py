"""A model whose projections are, for a while, as a format wants them."""

import contextlib
import functools

import keras

from keras_randproj import torch_parameters
from keras_randproj.exports import portable
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.tiled import TiledProjection

STORAGES = {"baked": "dense", "seed": "seed"}
HELD = ("matrix", "key", "words")


@contextlib.contextmanager
def exportable(model, export_projection):
    """Sets the model's projections up for tracing, and back afterwards.

    P is a function of the seed, so weights that hold it in another way can be
    made and dropped; the learned ones are not touched.

    Args:
        model: A built model.
        export_projection: `"baked"` or `"seed"`.

    Raises:
        ValueError: If a projection cannot be regenerated in a graph.
    """
    layers = list(model._flatten_layers())
    found = [layer for layer in layers if isinstance(layer, Projection)]
    found = list({id(layer): layer for layer in found}.values())
    storage = STORAGES[export_projection]
    tiled = [
        projection
        for projection in found
        if isinstance(projection, TiledProjection)
        and projection.storage != storage
    ]
    for projection in tiled:
        if storage not in projection.storages:
            raise ValueError(
                f"Layer '{projection.path}' of family '{projection.family}' "
                "cannot be regenerated from its seed in a graph: it keeps P "
                f"as one of {projection.storages} only. "
                f"Received: export_projection={export_projection!r}"
            )
    with contextlib.ExitStack() as undo:
        undo.callback(torch_parameters.list_again, layers)
        for projection in tiled:
            undo.enter_context(_kept_as(projection, storage))
        for projection in found:
            projection.modulate = functools.partial(  # type: ignore[method-assign]
                portable.modulate, projection
            )
            undo.callback(delattr, projection, "modulate")
        torch_parameters.list_again(layers)
        yield


@contextlib.contextmanager
def _kept_as(projection, storage):
    """The projection with its weights exchanged for those of a storage."""
    before = projection.storage
    held = {name: getattr(projection, name) for name in HELD}
    try:
        _hold(projection, storage, dict.fromkeys(HELD))
        with contextlib.ExitStack() as scopes:
            for part in projection.path.split("/"):
                scopes.enter_context(keras.name_scope(part))
            projection._tracker.unlock()
            projection.build_weights()
        yield
    finally:
        _hold(projection, before, held)
        projection._tracker.lock()


def _hold(projection, storage, held):
    """Drops the weights that it has, and gives it others."""
    projection._tracker.unlock()
    for weight in list(projection.weights):
        projection._untrack_variable(weight)
    projection.storage = storage
    for name, weight in held.items():
        setattr(projection, name, weight)
