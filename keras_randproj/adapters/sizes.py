"""How the kernel of a layer is a matrix."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """The axes that a kernel contracts and makes, and the matrix of both.

    Args:
        input_axes: Sizes of the last axes of the input that it contracts.
        output_axes: Sizes of the last axes of the output that it makes.
        rows: Integer, of the matrix; a convolution has one for each entry of
            a patch.
        input_channels: How many inputs can be scaled; 0 where they are
            indices.
    """

    input_axes: tuple[int, ...]
    output_axes: tuple[int, ...]
    rows: int
    input_channels: int

    @property
    def matrix_shape(self) -> tuple[int, int]:
        """`(rows, cols)` of the kernel as a matrix."""
        return self.rows, math.prod(self.output_axes)
