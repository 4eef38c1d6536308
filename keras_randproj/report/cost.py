"""What a call of a layer must compute and move, and how fast that can be."""

from dataclasses import dataclass

from keras_randproj.arguments import positive_integer
from keras_randproj.report.sizes import count
from keras_randproj.report.sizes import itemsize
from keras_randproj.report.sizes import nbytes
from keras_randproj.transfer.cost import multiplications


@dataclass(frozen=True)
class Cost:
    """Work of one call.

    Args:
        flops: Integer, floating point operations; a multiplication with its
            addition counts two.
        bytes: Integer, bytes that cross the memory's bus if each array is
            read or written once: input, output and weights.
    """

    flops: int
    bytes: int

    def seconds(self, flops_per_second, bytes_per_second):
        """The roofline: no call can be faster than this on a machine.

        Args:
            flops_per_second: Positive float, of the machine.
            bytes_per_second: Positive float, of its memory.

        Returns:
            Float.
        """
        return max(self.flops / flops_per_second, self.bytes / bytes_per_second)


def cost(layer, batch):
    """The work of a layer's forward pass.

    Matrix products count as they are computed (a Hadamard projection as its
    two small products), and the element-wise work of its vectors one
    operation each. A matrix with `storage="seed"` has no bytes.

    Args:
        layer: A built `Dense`, `PRPDense` or `EUGenDense`.
        batch: Positive integer, rows of the input.

    Returns:
        A `Cost`.

    Raises:
        ValueError: If the layer is none of these, or not built.

    Example:

    >>> layer = keras.layers.Dense(10)
    >>> layer.build((None, 20))
    >>> cost(layer, batch=3)
    Cost(flops=1230, bytes=1200)
    """
    batch = positive_integer("batch", batch)
    products = multiplications(layer) if layer.built else 0
    spec = layer.input_spec
    if not products or not hasattr(layer, "units") or spec is None:
        raise ValueError(
            "`layer` must be a built Dense, PRPDense or EUGenDense. "
            f"Received: layer={layer}"
        )
    inputs = spec.axes[-1]
    vectors = [w for w in layer.trainable_weights if len(w.shape) == 1]
    width = itemsize(layer.compute_dtype)
    return Cost(
        flops=batch * (2 * products + count(vectors)),
        bytes=nbytes(layer.weights) + batch * (inputs + layer.units) * width,
    )
