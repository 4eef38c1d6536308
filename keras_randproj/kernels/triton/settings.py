"""How the kernels are launched, and when the library's products are taken.

Settings of bfloat16 at batches of thousands are the best of those measured on
an H100 (see docs/kernels.md); the others follow from the registers and the
shared memory that the compiler reports, and are not measured.
"""

from dataclasses import dataclass

import torch

# bfloat16 parts that the tensor cores multiply a number as. One is exact
# enough where the output is rounded to bfloat16 as well; float16 has 11
# significant bits and float32 24, of which a part holds 8.
PARTS = {torch.bfloat16: 1, torch.float16: 2, torch.float32: 3}


@dataclass(frozen=True)
class Setting:
    """One way to launch a Hadamard kernel.

    Args:
        sides: Rows and columns of a tile of the input.
        cuts: How many tiles follow each other, down and across.
        rows: Rows of the batch that a program transforms together.
        warps: Warps of a program.
        stages: Rows on their way at a time.
        waves: Programs for each processor.
    """

    sides: tuple[int, int]
    cuts: tuple[int, int] = (1, 1)
    rows: int = 1
    warps: int = 4
    stages: int = 3
    waves: int = 2

    def shape(self, order, transposed):
        """`SHAPE` of the kernels; back, rows and columns change places."""
        step = -1 if transposed and self.sides[0] > 1 else 1
        return order, *self.sides[::step], *self.cuts[::step], self.rows


# Orders up to 128 take one product, of as many rows as fill it.
SMALL = {
    1 << k: Setting((1, max(16, 1 << k)), rows=max(16, 2048 >> max(k, 4)))
    for k in range(8)
}
LARGE = {
    256: Setting((16, 16), rows=8),
    512: Setting((16, 32), rows=4),
    1024: Setting((32, 32), rows=2),
    2048: Setting((32, 64)),
    4096: Setting((64, 64)),
    8192: Setting((64, 128), warps=8, waves=1),
    16384: Setting((64, 64), (2, 2), stages=1),
    32768: Setting((64, 128), (2, 2), warps=8, stages=1),
}
SETTINGS = SMALL | LARGE


def setting(order, dtype, sums):
    """The `Setting` of a launch.

    Args:
        order: Integer, the order of H.
        dtype: torch dtype of the numbers.
        sums: Whether sums over the batch stay in registers as well.
    """
    return SETTINGS[order]
