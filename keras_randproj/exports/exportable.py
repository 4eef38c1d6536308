"""A model whose projections are, for a while, as a format wants them."""

import contextlib

import keras

from keras_randproj import _keras
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj.projections import HeldMatrix
from keras_randproj.projections import Projection

STORAGES = {"baked": "dense", "seed": "seed"}


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
    layers = _keras.layers_in(model)
    found: dict[HeldMatrix, list[Projection]] = {}
    for layer in layers:
        if isinstance(layer, Projection) and layer.built:
            found.setdefault(layer.held, []).append(layer)
    storage = STORAGES[export_projection]
    changed = {
        held: holders
        for held, holders in found.items()
        if held.storage != storage
        and not isinstance(held.family, matrices.Hadamard)
    }
    for held, (first, *_) in changed.items():
        if storage not in held.family.storages:
            raise ValueError(
                f"{first.described} of family '{held.family.name}' cannot be "
                "regenerated from its seed in a graph: it keeps P as one of "
                f"{held.family.storages} only. "
                f"Received: export_projection={export_projection!r}"
            )
    with contextlib.ExitStack() as undo:
        undo.callback(_keras.list_parameters_again, layers)
        for held, holders in changed.items():
            undo.enter_context(_kept_as(held, holders, storage))
        undo.enter_context(kernels.forced("portable"))
        _keras.list_parameters_again(layers)
        yield


@contextlib.contextmanager
def _kept_as(held, holders, storage):
    """The matrix with its weights exchanged for those of a storage."""
    before = held.storage, held.weights, held.operands
    held.storage, held.operands = storage, None
    with contextlib.ExitStack() as undo:
        for layer in holders:
            undo.enter_context(_keras.unlocked(layer))
        try:
            _exchange(holders, before[1], {})
            with contextlib.ExitStack() as scopes:
                for part in holders[0].path.split("/"):
                    scopes.enter_context(keras.name_scope(part))
                held.build(holders[0], held.input_dim)
            _exchange(holders, {}, held.weights)
            yield
        finally:
            made = held.weights
            held.storage, held.weights, held.operands = before
            _exchange(holders, made, held.weights)


def _exchange(holders, old, new):
    """Has the layers list other weights."""
    for layer in holders:
        for name, weight in old.items():
            _keras.untrack(layer, weight)
            setattr(layer, name, None)
        for name, weight in new.items():
            setattr(layer, name, weight)
