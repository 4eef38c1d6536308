"""What is common to the forms of an adapter."""

from typing import Any

import numpy as np

from keras_randproj.arguments import positive_number


class Form:
    """What an adapter learns for one layer, and how it is computed.

    A form is a value: it has arguments and no state, and one form serves any
    number of layers. All that it learns is zero where the layer is unchanged.

    A subclass names its learned arrays in `vectors` and implements `fold`, and
    some of `before`, `output_scale`, `output_shift` and `after`. There,
    `values` holds its arrays by name, the learned ones and those made from a
    seed. In a bank of adapters the learned ones have a leading axis, an entry
    for each row of the batch.

    Args:
        lr_multiplier: Positive float. What is learned is stored divided by
            it, and learns as if the learning rate were multiplied.

    Attributes:
        argument_types: The arguments of the constructor by name: `bool`,
            `int`, `float` or `str`. A file may give these and no others.
        order: Forms of a layer are applied in this order.
        kinds: Names of the layer classes that it adapts.
    """

    argument_types: dict[str, type] = {"lr_multiplier": float}
    order = 1
    kinds: tuple[str, ...] = ("Dense", "EinsumDense")

    def __init__(self, lr_multiplier: float = 1.0) -> None:
        self.lr_multiplier = positive_number("lr_multiplier", lr_multiplier)

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        """Shapes of what is learned for a layer, by name."""
        raise NotImplementedError

    def shared_size(self) -> int:
        """Size of a vector that all layers with this form share; 0 for none."""
        return 0

    def signed(self, vector: Any, roots: Any) -> Any:
        """What the layers look up their parts of a shared vector in."""
        raise NotImplementedError

    def initializer(self, name: str) -> Any:
        """What a learned array is filled with."""
        return "zeros"

    def multiplier(self, name: str) -> float:
        """By what a stored array is multiplied."""
        return self.lr_multiplier

    def check(self, sizes: Any) -> None:
        """Raises `ValueError` where a layer of such `Sizes` cannot have it."""

    def projections(self, layer: Any) -> dict[str, tuple[Any, int]]:
        """Seed-made matrices: unbuilt `Projection` layers and input sizes."""
        return {}

    def before(self, layer: Any, x: Any, values: dict) -> Any:
        """The input that the layer gets in the place of `x`."""
        return x

    def output_scale(self, values: dict) -> Any:
        """A vector that multiplies the kernel's outputs, or `None`."""
        return None

    def output_shift(self, values: dict) -> Any:
        """A vector that is added to outputs, or `None`."""
        return None

    def after(self, layer: Any, y: Any, x: Any, values: dict) -> Any:
        """The output in the place of `y`; `x` is the adapter's own input."""
        return y

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        """Kernel `(rows, cols)` and bias with this form in them, float64."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The arguments that make this form again, as JSON values."""
        return {name: getattr(self, name) for name in self.argument_types}

    def __eq__(self, other):
        if not isinstance(other, Form):
            return NotImplemented
        mine, theirs = self.get_config(), other.get_config()
        return type(self) is type(other) and mine == theirs

    def __hash__(self):
        return hash((type(self), *sorted(self.get_config().items())))

    def __repr__(self):
        given = ", ".join(f"{k}={v!r}" for k, v in self.get_config().items())
        return f"{type(self).__name__}({given})"
