"""What a layer of Keras becomes while it has an adapter."""

import math
from typing import Any

import keras
from keras import ops

from keras_randproj import kernels
from keras_randproj.adapters.sizes import Sizes


class AdaptedLayer:
    """A layer of Keras with an adapter around its own computation.

    Attaching an adapter changes the class of a layer to a subclass of its
    own, as `torch.nn.utils.parametrize` does: the layer stays where models
    and lists hold it, keeps its variables and its path, and is what it was
    when the class is changed back. The adapter is a layer in it, so that
    files, copies and checkpoints find what it learned.

    A subclass inherits from one class of Keras and says how its kernel is a
    matrix, from flattened input axes to flattened output axes.

    Attributes:
        base_class: The class of Keras.
    """

    base_class: type[keras.layers.Layer]
    adapter: Any
    sizes: Sizes
    # The layer's own; the base computes without one.
    outer_activation: Any = None

    @staticmethod
    def sizes_of(layer: Any) -> Sizes:
        """The sizes of a built layer of the class of Keras.

        Raises:
            Unsuitable: If it cannot be adapted.
        """
        raise NotImplementedError

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """`(rows, cols)` of the kernel as a matrix."""
        return self.sizes.matrix_shape

    @property
    def input_channels(self) -> int:
        """How many inputs can be scaled."""
        return self.sizes.input_channels

    @property
    def product_scratch(self) -> Any:
        """Scratch memory for what only an activation reads, or `None`.

        A layer for an activation may have an adapter, and scratch, itself.
        """
        activation = self.outer_activation
        plain = activation is None or activation is keras.activations.linear
        if plain or isinstance(activation, keras.layers.Layer):
            return None
        return self.adapter.scratch

    def own_bias(self) -> Any:
        """The layer's bias as a vector, or `None`."""
        bias = getattr(self, "bias", None)
        if bias is None or len(bias.shape) == 1:
            return bias
        return kernels.reshape(bias, (-1,))

    def base_weights(self) -> list[Any]:
        """The layer's own weights, as they were before it was adapted."""
        inside = {id(weight) for weight in self.adapter.weights}
        weights = self.weights  # type: ignore[attr-defined]
        return [weight for weight in weights if id(weight) not in inside]

    def enclose(self, adapter: Any) -> None:
        """Takes an adapter, and the activation out of the base's hands."""
        self.adapter = adapter
        if hasattr(self, "activation"):
            self.outer_activation = self.activation
            self.activation: Any = keras.activations.linear

    def release(self) -> None:
        """Undoes `enclose`; whoever calls it untracks the adapter."""
        if hasattr(self, "activation"):
            self.activation = self.outer_activation
            del self.outer_activation
        del self.adapter
        del self.sizes

    def along_input(self, vector: Any, x: Any) -> Any:
        """A vector of `input_channels`, shaped to multiply an input."""
        return aligned(vector, self.sizes.input_axes, len(x.shape))

    def along_output(self, vector: Any, y: Any) -> Any:
        """A vector of the matrix's columns, shaped to multiply an output."""
        return aligned(vector, self.sizes.output_axes, len(y.shape))

    def along_last(self, vector: Any, x: Any) -> Any:
        """A vector, shaped to multiply the last axis."""
        return aligned(vector, vector.shape[-1:], len(x.shape))

    def flat_input(self, x: Any) -> Any:
        """The input with its contracted axes in one."""
        return flattened(x, len(self.sizes.input_axes))

    def multiply(self, x: Any, matrix: Any) -> Any:
        """The input times a matrix of as many rows as the kernel."""
        return self.multiply_last(self.flat_input(x), matrix)

    def multiply_transposed(self, x: Any, matrix: Any) -> Any:
        """The input times a transposed matrix, or one of each row's own."""
        x = self.flat_input(x)
        rows = in_rows(x, matrix)
        y = kernels.matmul_transposed(rows, matrix)
        if rows is x:
            return y
        return kernels.reshape(y, (*ops.shape(x)[:-1], matrix.shape[-2]))

    def multiply_last(self, x: Any, matrix: Any) -> Any:
        """The last axis times a matrix, or each row times one of its own."""
        rows = in_rows(x, matrix)
        y = kernels.product(rows, matrix)
        if rows is x:
            return y
        return kernels.reshape(y, (*ops.shape(x)[:-1], matrix.shape[-1]))

    def add_product(self, y: Any, x: Any, matrix: Any) -> Any:
        """An output of the layer, and `multiply_last` in addition."""
        columns = flattened(y, len(self.sizes.output_axes))
        rows = in_rows(columns, matrix)
        total = kernels.add_product(
            rows, in_rows(x, matrix), matrix, self.adapter.in_place
        )
        return total if rows is y else kernels.reshape(total, ops.shape(y))

    def output_axes_of(self, y: Any) -> Any:
        """An output with the columns in one axis, as the layer makes it."""
        if len(self.sizes.output_axes) == 1:
            return y
        return kernels.reshape(y, (*ops.shape(y)[:-1], *self.sizes.output_axes))

    def probe_shape(self) -> tuple[int, ...]:
        """Shape of a small input, with a batch of one."""
        raise NotImplementedError

    def get_config(self):
        config = super().get_config()  # type: ignore[misc]
        if self.outer_activation is not None:
            config["activation"] = keras.activations.serialize(
                self.outer_activation
            )
        adapter = keras.saving.serialize_keras_object(self.adapter)
        return {**config, "adapter": adapter}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        adapter = keras.saving.deserialize_keras_object(config.pop("adapter"))
        layer = super().from_config(config)  # type: ignore[misc]
        layer.enclose(adapter)
        return layer

    def build(self, input_shape):
        super().build(input_shape)  # type: ignore[misc]
        for weight in self.base_weights():
            weight.trainable = False
        self.adapter.build_for(self)


def aligned(vector, axes, rank):
    """A vector, or one for each row, shaped to multiply last axes."""
    leading = len(vector.shape) - 1
    between = rank - leading - len(axes)
    if leading == between == 0 and len(axes) == 1:
        return vector
    return kernels.reshape(vector, (*[-1] * leading, *[1] * between, *axes))


def flattened(x, axes):
    """`x` with so many last axes in one."""
    if axes == 1:
        return x
    shape = ops.shape(x)
    width = math.prod(x.shape[len(shape) - axes :])
    return kernels.reshape(x, (*shape[: len(shape) - axes], width))


def in_rows(x, matrix):
    """`x` as a matrix of rows, or one for each matrix of a batch of them.

    XLA is several times slower at a gradient that sums over two axes of rows,
    and takes twice the memory.
    """
    if len(x.shape) == len(matrix.shape):
        return x  # Each operation of Keras takes time of its own.
    *lead, width = ops.shape(x)
    if len(matrix.shape) == 2:
        return kernels.reshape(x, (-1, width))
    # Not -1, which an empty batch leaves open.
    return kernels.reshape(x, (lead[0], math.prod(lead[1:]), width))
