"""What a compiled JAX program sends from device to device."""

import math
import re

BYTES = {"f64": 8, "f32": 4, "s32": 4, "u32": 4, "bf16": 2, "f16": 2, "pred": 1}
KINDS = (
    "all-reduce",
    "all-gather",
    "reduce-scatter",
    "all-to-all",
    "collective-permute",
)
LINE = re.compile(rf"= (.*?) ({'|'.join(KINDS)})(?:-start)?\(")
ARRAY = re.compile(r"(\w+)\[([\d,]*)\]")


def collectives(program):
    """`(kind, dtype, shape)` of every array that a collective gives.

    Args:
        program: String, HLO after the partitioner.
    """
    found = []
    for line in program.splitlines():
        match = LINE.search(line)
        for dtype, dims in ARRAY.findall(match[1]) if match else ():
            shape = tuple(int(d) for d in dims.split(",") if d)
            found.append((match[2], dtype, shape))
    return found


def bytes_of(program):
    """Bytes of what each kind of collective gives on one device."""
    totals = dict.fromkeys(KINDS, 0)
    for kind, dtype, shape in collectives(program):
        totals[kind] += math.prod(shape) * BYTES[dtype]
    return {kind: total for kind, total in totals.items() if total}
