"""A copy of a model in which layers can be watched and exchanged."""

import contextlib
from collections.abc import Callable
from collections.abc import Iterable
from typing import Any
from typing import NamedTuple

import keras

from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.transfer.rebuild import Rebuilder


class Call(NamedTuple):
    """One call of a layer.

    Args:
        layer: The layer of the model that was copied.
        inputs: Tensor, or a list of them.
        outputs: Tensor.
        mask: Keras's mask of the inputs, or `None`.
    """

    layer: Any
    inputs: Tensor
    outputs: Tensor
    mask: Tensor


class Probe:
    """A model's copy with a slot in the place of each wanted layer.

    At first the slots hold the model's own layers; what is put into one runs
    from then on. The model itself is left as it is.

    Args:
        model: A built model.
        wanted: Function that says of a layer whether it gets a slot.
    """

    def __init__(
        self, model: keras.Model, wanted: Callable[[Any], bool]
    ) -> None:
        self.wanted = wanted
        self.slots: dict[int, Slot] = {}
        self._calls = _Calls()
        self.model = Rebuilder(self._choose, self._skip).rebuild(model)
        # PyTorch would keep what it needs for gradients.
        self.model.trainable = False

    def _choose(self, layer):
        if id(layer) not in self.slots:
            if not self.wanted(layer):
                return None
            self.slots[id(layer)] = Slot(layer, self._calls)
        return self.slots[id(layer)]

    def _skip(self, layer, reason):
        """It stands where no slot can be."""
        self.slots.pop(id(layer), None)

    def put(self, layer: Any, new: Any) -> None:
        """Has another layer run in the place of a layer of the model."""
        self.slots[id(layer)].content.layer = new

    def watch(self, layers: Iterable[Any]) -> None:
        """Notes the calls of these layers only."""
        watched = {id(layer) for layer in layers}
        for key, slot in self.slots.items():
            slot.content.watched = key in watched

    def run(self, x: Any, enough: int | None = None) -> list[Call]:
        """The calls of watched layers for a batch, in their order.

        Args:
            x: Inputs of the model.
            enough: Integer, after how many calls to stop; `None` for all.

        Raises:
            ValueError: If a layer runs inside a compiled function.
        """
        self._calls.clear()
        self._calls.enough = enough
        with contextlib.suppress(_Enough):
            self.model(x, training=False)
        self._calls.enough = None
        calls = list(self._calls)
        self._calls.clear()
        return calls

    def outputs(self, x: Any) -> Any:
        """The outputs for a batch, as NumPy arrays."""
        outputs = self.model(x, training=False)
        self._calls.clear()
        return keras.tree.map_structure(keras.ops.convert_to_numpy, outputs)


class _Calls(list[Call]):
    """The calls of a run, and how many are enough."""

    enough: int | None = None

    def note(self, call):
        self.append(call)
        if len(self) == self.enough:
            raise _Enough


class _Enough(BaseException):
    """Ends a run; no error, which Keras would report as one."""


class _Content:
    """What is in a slot; no attribute in which Keras looks for layers."""

    def __init__(self, original, calls):
        self.original = original
        self.layer = original
        self.calls = calls
        self.watched = True


class Slot(keras.layers.Layer):
    """Runs the layer that it holds, and notes the call.

    Args:
        layer: The layer that it stands for.
        calls: `_Calls` in which they are noted.
    """

    def __init__(self, layer: Any, calls: "_Calls") -> None:
        # Not the policy itself: a quantized one is for layers that know it.
        super().__init__(name=layer.name, dtype=layer.compute_dtype)
        self.content = _Content(layer, calls)

    def call(self, inputs, mask=None):
        content = self.content
        outputs = keras.ops.stop_gradient(content.layer(inputs))
        if content.watched:
            call = Call(content.original, inputs, outputs, mask)
            content.calls.note(call)
        return outputs

    def compute_mask(self, inputs, mask=None):
        return self.content.original.compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return self.content.original.compute_output_shape(input_shape)
