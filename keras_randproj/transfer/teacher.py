"""What a layer is fitted to: where its rows come from, and its rivals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras


@dataclass(frozen=True)
class Teacher:
    """Rows to fit to, and the trained layers that they come from.

    Args:
        rows: Function that returns an iterable of inputs, targets, weights
            or `None`, the inputs that the teacher itself had or `None` where
            they are the same, and the weights or `None` for what lies within
            the layer, which a normalization behind it says nothing of.
        layers: The `Dense` layers, one or two that follow each other, if
            that is what the teacher is.
        activations: What is applied after each of them.
        rank: How many axes their inputs have.
    """

    rows: Callable[[], Any]
    layers: tuple[Any, ...] = ()
    activations: tuple[Any, ...] = ()
    rank: int = 2

    @property
    def neurons(self) -> Any:
        """The layer whose units may be kept, or `None`."""
        return self.layers[0] if self.layers else None


def dense_layers(layer: Any) -> dict[str, Any]:
    """Arguments of `Teacher` for a layer, if it is a plain `Dense`."""
    plain = isinstance(layer, keras.layers.Dense) and layer.built
    if not plain or layer.quantization_mode is not None:
        return {}
    return {"layers": (layer,), "activations": (layer.activation,)}
