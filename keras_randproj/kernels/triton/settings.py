"""How the kernels are launched, and when the library's products are taken.

Those of bfloat16 from order 1,024 on are the fastest that
`benchmarks.gpu_settings` found on an H200 at batches of thousands; the others
follow from the registers and the shared memory that the compiler reports.
"""

from dataclasses import dataclass
from dataclasses import replace

# bfloat16 parts that the tensor cores multiply a number as. One is exact
# enough where the output is rounded to bfloat16 as well; float16 has 11
# significant bits and float32 24, of which a part holds 8.
PARTS = {"bfloat16": 1, "float16": 2, "float32": 3}


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
    1 << k: Setting((1, max(16, 1 << k)), rows=2048 >> max(k, 4))
    for k in range(8)
}
BFLOAT16 = SMALL | {
    256: Setting((16, 16), rows=8),
    512: Setting((16, 32), rows=4),
    1024: Setting((32, 32), warps=2, waves=4),
    2048: Setting((32, 64), waves=4),
    4096: Setting((64, 64)),
    8192: Setting((64, 128), warps=8, waves=1),
    16384: Setting((64, 64), (2, 2), stages=1),
    32768: Setting((64, 128), (2, 2), warps=8, stages=1),
}
# Several parts need more registers.
PARTED = BFLOAT16 | {
    4096: Setting((64, 64), warps=8),
    8192: Setting((64, 64), (1, 2), warps=8, stages=1),
    16384: Setting((64, 64), (2, 2), warps=8, stages=1),
}
# A program has one tile of the outputs, as sums take registers as well.
BFLOAT16_SINGLE = BFLOAT16 | {
    1024: Setting((32, 32), rows=2),
    2048: Setting((32, 64), warps=2),
    8192: Setting((64, 64), (1, 2), stages=1),
}
PARTED_SINGLE = BFLOAT16_SINGLE | {
    4096: Setting((64, 64), warps=8, stages=2),
    8192: Setting((64, 64), (1, 2), warps=8, stages=1),
    16384: Setting((64, 64), (2, 2), warps=8, stages=1),
    32768: Setting((64, 64), (2, 4), warps=8, stages=1),
}
# Gradients of all vectors in one kernel: three sums stay in registers.
GRADIENTS = {
    256: Setting((16, 16)),
    512: Setting((16, 32)),
    1024: Setting((32, 32)),
    2048: Setting((32, 64)),
    4096: Setting((64, 64), warps=8, waves=1),
}
# Several parts of order 4,096 have no registers.
PARTED_GRADIENTS = {
    256: Setting((16, 16)),
    512: Setting((16, 32)),
    1024: Setting((32, 32)),
    2048: Setting((32, 64), warps=8, stages=2, waves=1),
}
# Above it a program has no registers for the parts of a float32, and the
# library's two products are taken.
LARGEST_FLOAT32 = 8192
# Above it a program has all tiles of a row, and no registers for vectors.
LARGEST_HELD = 8192
# Above it stages that follow each other have no registers in one kernel.
LARGEST_STAGES = 4096


def setting(order, dtype, depth, single):
    """The `Setting` of a launch.

    Args:
        order: Integer, the order of H.
        dtype: Name of the numbers' dtype.
        depth: Integer, how many stages follow each other.
        single: Whether a program has one tile of the outputs, as sums over
            the batch, or over groups, stay in registers as well.
    """
    tables = (BFLOAT16, PARTED), (BFLOAT16_SINGLE, PARTED_SINGLE)
    table = tables[single][PARTS[dtype] > 1]
    if single:
        return table[order]
    # Vectors of the stages would be on their way as well, in shared memory.
    return replace(table[order], stages=1) if depth > 1 else table[order]


def gradient_setting(groups, order, dtype):
    """The `Setting` of `gradient_kernel`, or `None` where it is not taken."""
    if groups > 1:
        return None
    table = PARTED_GRADIENTS if PARTS[dtype] > 1 else GRADIENTS
    return table.get(order)


def reads_again(order):
    """Whether vectors have no room in registers and are read for each row.

    They are in the dtype of the data then, which is fewer bytes.
    """
    return order > LARGEST_HELD


def library_is_faster(order, dtype):
    """Whether the library's two products take the place of the kernel."""
    return dtype == "float32" and order > LARGEST_FLOAT32
