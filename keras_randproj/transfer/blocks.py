"""Feed-forward blocks and residual sums, found where a model runs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_randproj.transfer.probe import Call

# What a normalization divides by is taken for at least this share of the mean,
# squared, so that a row that is nearly constant does not count for all others.
SMALLEST = 1e-3

# What changes nothing outside of training.
NOTHING = (
    keras.layers.ActivityRegularization,
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.Identity,
    keras.layers.SpatialDropout1D,
)
ACTIVATIONS = (keras.layers.Activation, keras.layers.ReLU)
# What the search for blocks and sums has to see.
NORMALIZATIONS = (
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
)
PARTS = (
    keras.layers.Dense,
    keras.layers.Add,
    *NORMALIZATIONS,
    *NOTHING,
    *ACTIVATIONS,
)


@dataclass(frozen=True)
class Block:
    """`Dense -> activation -> (Dropout) -> Dense`, nothing else between.

    Args:
        first: The first `Dense`.
        between: Layers between, which do nothing but apply the activation.
        second: The second `Dense`.
        activation: What is applied between the two.
    """

    first: Any
    between: tuple[Any, ...]
    second: Any
    activation: Any


@dataclass(frozen=True)
class Residual:
    """A sum of a layer's output and something else.

    Args:
        add: The `keras.layers.Add`.
        other: Index of the something else among its inputs.
    """

    add: Any
    other: int


def find_blocks(
    calls: list[Call], wanted: Callable[[Any], bool] = bool
) -> list[Block]:
    """The blocks of a model, in the order in which they run.

    Args:
        calls: The calls of one run, of all layers of the kinds in `PARTS`.
        wanted: Function that says whether a layer may be a block's first:
            of three dense layers in a row, the last two are a block only
            where the first two are none.
    """
    once = _called_once(calls)
    found: list[Block] = []
    taken: set[int] = set()
    for call in calls:
        layer = call.layer
        if type(layer) is not keras.layers.Dense or not wanted(layer):
            continue
        block = _block(call, calls) if id(layer) not in taken else None
        if block is None:
            continue
        parts = block.first, *block.between, block.second
        if all(id(part) in once for part in parts):
            found.append(block)
            taken.add(id(block.second))
    return found


def find_residual(layer: Any, calls: list[Call]) -> Residual | None:
    """The sum that a layer's output goes into, alone.

    Args:
        layer: A layer, called once.
        calls: As for `find_blocks`.
    """
    own = [call for call in calls if call.layer is layer]
    if len(own) != 1:
        return None
    users = _users(own[0].outputs, calls)
    if len(users) != 1 or not isinstance(users[0].layer, keras.layers.Add):
        return None
    add = users[0]
    if len(add.inputs) != 2 or id(add.layer) not in _called_once(calls):
        return None
    same = [_leads_to(own[0].outputs, x, calls) for x in add.inputs]
    return Residual(add.layer, same.index(False)) if any(same) else None


def find_normalization(layer: Any, calls: list[Call]) -> Any:
    """The normalization that a layer's output goes into.

    It goes into no other of the layers in `PARTS`.

    Args:
        layer: A layer, called once; the output of a sum counts.
        calls: As for `find_blocks`.

    Returns:
        A layer that normalizes the last axis, or `None`.
    """
    own = [call for call in calls if call.layer is layer]
    users = _users(own[0].outputs, calls) if len(own) == 1 else []
    if len(users) != 1 or not isinstance(users[0].layer, NORMALIZATIONS):
        return None
    found = users[0].layer
    last = found.axis in (-1, [-1], (-1,), [own[0].outputs.ndim - 1])
    return found if last else None


def squared_divisor(normalization: Any, x: np.ndarray) -> np.ndarray:
    """What a normalization divides each row by, squared.

    Args:
        normalization: As `find_normalization` returns it.
        x: Array `(rows, width)`.
    """
    x = x.astype("float64")
    if isinstance(normalization, keras.layers.LayerNormalization):
        x -= x.mean(axis=-1, keepdims=True)
    size = np.mean(x**2, axis=-1) + normalization.epsilon
    return np.maximum(size, SMALLEST * size.mean())


def _block(call, calls):
    activation = call.layer.activation
    tensor, between = call.outputs, []
    while True:
        users = _users(tensor, calls)
        if len(users) != 1:
            return None
        user = users[0]
        between += _nothings(tensor, calls)
        if type(user.layer) is keras.layers.Dense:
            return Block(call.layer, tuple(between), user.layer, activation)
        plain = activation in (None, keras.activations.linear)
        after = _activation(user.layer)
        if after is None or not plain:
            return None
        activation = after
        between.append(user.layer)
        tensor = user.outputs


def _activation(layer):
    if type(layer) is keras.layers.Activation:
        return layer.activation
    config = layer.get_config()
    if type(layer) is keras.layers.ReLU and (
        config["max_value"] is None
        and not config["negative_slope"]
        and not config["threshold"]
    ):
        return keras.activations.relu
    return None


def _users(tensor, calls):
    """Calls that take a tensor, those that hand it on left out."""
    taking = [call for call in calls if _takes(call, tensor)]
    users = []
    for call in taking:
        if not isinstance(call.layer, NOTHING):
            users.append(call)
        elif call.outputs is not tensor:
            users += _users(call.outputs, calls)
    return users


def _leads_to(tensor, end, calls):
    """Whether a tensor is another, but for layers that do nothing."""
    return tensor is end or any(
        _leads_to(call.outputs, end, calls)
        for call in calls
        if isinstance(call.layer, NOTHING)
        and _takes(call, tensor)
        and call.outputs is not tensor
    )


def _nothings(tensor, calls):
    found = []
    for call in calls:
        if _takes(call, tensor) and isinstance(call.layer, NOTHING):
            found.append(call.layer)
            if call.outputs is not tensor:
                found += _nothings(call.outputs, calls)
    return found


def _takes(call, tensor):
    given = call.inputs
    given = given if isinstance(given, (list, tuple)) else [given]
    return any(x is tensor for x in given)


def _called_once(calls):
    counts: dict[int, int] = {}
    for call in calls:
        counts[id(call.layer)] = counts.get(id(call.layer), 0) + 1
    return {key for key, count in counts.items() if count == 1}
