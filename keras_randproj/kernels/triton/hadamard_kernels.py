"""The two Hadamard kernels: one tile of outputs a program, or all of them.

A program goes through the rows of a batch while the next ones are on their
way.
"""

import triton
import triton.language as tl

from keras_randproj.kernels.triton.transform import entries
from keras_randproj.kernels.triton.transform import exits
from keras_randproj.kernels.triton.transform import factor
from keras_randproj.kernels.triton.transform import fetch
from keras_randproj.kernels.triton.transform import next_stage
from keras_randproj.kernels.triton.transform import parity
from keras_randproj.kernels.triton.transform import place
from keras_randproj.kernels.triton.transform import products
from keras_randproj.kernels.triton.transform import store
from keras_randproj.kernels.triton.transform import walsh


@triton.jit(do_not_specialize=["batch"])
def tile_kernel(
    x,
    alphas,
    signs,
    slots,
    scale,
    bias,
    probe,
    y,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    CHOSEN: tl.constexpr,
    PROBE: tl.constexpr,
    STORE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    GROUPS: tl.constexpr,
    FULL: tl.constexpr,
    SHAPE: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """A tile of outputs a program, at the end of one or several stages.

    With `PROBE`, the sums over the batch of `probe` times the outputs before
    scale and bias, and of `probe` itself, stay in registers until the end.
    """
    ORDER: tl.constexpr = SHAPE[0]
    TILES: tl.constexpr = SHAPE[3] * SHAPE[4]
    ROWS: tl.constexpr = SHAPE[5]
    DEPTH: tl.constexpr = len(signs)
    # A tile has room for 16 numbers at least, and small orders have fewer.
    EXACT: tl.constexpr = SHAPE[1] * SHAPE[2] * TILES == ORDER
    # Groups of outputs are programs, groups of inputs are added up.
    ADDED: tl.constexpr = GROUPS if TRANSPOSED else 1
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    out = tl.program_id(1) % TILES
    group = tl.program_id(1) // TILES
    left = walsh(SHAPE, True, TRANSPOSED)
    right = walsh(SHAPE, False, TRANSPOSED)
    nth, index = entries(0, SHAPE)
    nth_out, index_out = exits(out, SHAPE)
    to, there = place(
        index_out, slots, group, outputs, not TRANSPOSED, CHOSEN, SHAPE
    )
    if TILES * ADDED == 1:
        at, here = place(index, slots, group, inputs, TRANSPOSED, CHOSEN, SHAPE)
        each = factor(
            alphas[0],
            signs[0] + group * ORDER,
            at,
            here,
            gain,
            ALPHA,
            not TRANSPOSED,
            FULL,
        )
    # Back, the last signs go with the scale, as both follow the products.
    SIGNED: tl.constexpr = TRANSPOSED and GROUPS == 1
    if SCALE:
        after = fetch(scale, to, there, FULL)
        if SIGNED:
            after *= fetch(signs[DEPTH - 1], to, there, FULL)
    elif SIGNED:
        after = fetch(signs[DEPTH - 1], to, there, FULL)
    if BIAS:
        bias = fetch(bias, to, there, FULL)
    if PROBE:
        total = tl.zeros(index_out.shape, tl.float32)
        probed = tl.zeros(index_out.shape, tl.float32)
    for block in tl.range(
        tl.program_id(0),
        tl.cdiv(batch, ROWS),
        tl.num_programs(0),
        num_stages=STAGES,
    ):
        line = (block * ROWS + nth).to(tl.int64)
        if TILES * ADDED == 1:
            values = fetch(x, line * inputs + at, (line < batch) & here, FULL)
            values = products(values * each, left, right, SHAPE, PARTS, WIDE)
        else:
            values = tl.zeros(index_out.shape, tl.float32)
            for added in tl.range(ADDED, num_stages=1):
                if TRANSPOSED:
                    group = added
                mixed = tl.zeros(index.shape, tl.float32)
                for tile in tl.static_range(TILES):
                    _, index_in = entries(tile, SHAPE)
                    at, here = place(
                        index_in,
                        slots,
                        group,
                        inputs,
                        TRANSPOSED,
                        CHOSEN,
                        SHAPE,
                    )
                    part = fetch(
                        x, line * inputs + at, (line < batch) & here, FULL
                    )
                    part *= factor(
                        alphas[0],
                        signs[0] + group * ORDER,
                        at,
                        here,
                        gain,
                        ALPHA,
                        not TRANSPOSED,
                        FULL,
                    )
                    mixed += part * (1 - 2 * parity(tile & out))
                mixed = products(mixed, left, right, SHAPE, PARTS, WIDE)
                if TRANSPOSED and GROUPS > 1:
                    mixed *= fetch(
                        signs[0] + added * ORDER, index_out, there, FULL
                    )
                values += mixed
        for stage in tl.static_range(1, DEPTH):
            # Back, the signs come after each transform.
            each = fetch(alphas[stage], index, index < ORDER, EXACT)
            each *= fetch(
                signs[stage - TRANSPOSED], index, index < ORDER, EXACT
            )
            values = next_stage(values, SHAPE) * (each * ORDER**-0.5)
            values = products(values, left, right, SHAPE, PARTS, WIDE)
        line = (block * ROWS + nth_out).to(tl.int64)
        where = line * outputs + to
        inside = (line < batch) & there
        if PROBE:
            seen = fetch(probe, where, inside, FULL)
            total += values * seen
            probed += seen
        if SCALE or SIGNED:
            values *= after
        if BIAS:
            values += bias
        if STORE:
            store(y, values, where, inside, FULL)
    if PROBE:
        ONE: tl.constexpr = (
            SHAPE[0],
            SHAPE[1],
            SHAPE[2],
            SHAPE[3],
            SHAPE[4],
            1,
        )
        _, index_out = exits(out, ONE)
        to, there = place(
            index_out, slots, group, outputs, not TRANSPOSED, CHOSEN, ONE
        )
        across: tl.constexpr = (SHAPE[2], ROWS, SHAPE[1])
        total = tl.sum(tl.reshape(total, across), 1)
        if SIGNED:
            total *= fetch(signs[DEPTH - 1], to, there, FULL)
        sums += tl.program_id(0).to(tl.int64) * 2 * outputs
        tl.store(sums + to, total, mask=there)
        tl.store(
            sums + outputs + to,
            tl.sum(tl.reshape(probed, across), 1),
            mask=there,
        )


@triton.jit(do_not_specialize=["batch"])
def row_kernel(
    x,
    alphas,
    signs,
    slots,
    scale,
    bias,
    probe,
    y,
    sums,
    batch,
    rows,
    cols,
    gain,
    ALPHA: tl.constexpr,
    SCALE: tl.constexpr,
    BIAS: tl.constexpr,
    CHOSEN: tl.constexpr,
    PROBE: tl.constexpr,
    STORE: tl.constexpr,
    TRANSPOSED: tl.constexpr,
    GROUPS: tl.constexpr,
    FULL: tl.constexpr,
    SHAPE: tl.constexpr,
    PARTS: tl.constexpr,
    STAGES: tl.constexpr,
    WIDE: tl.constexpr,
):
    """All tiles of a row a program: each number is read once."""
    ORDER: tl.constexpr = SHAPE[0]
    TILES: tl.constexpr = SHAPE[3] * SHAPE[4]
    if TRANSPOSED:
        inputs, outputs = cols, rows
    else:
        inputs, outputs = rows, cols
    group = tl.program_id(1)
    left = walsh(SHAPE, True, TRANSPOSED)
    right = walsh(SHAPE, False, TRANSPOSED)
    for block in tl.range(
        tl.program_id(0), batch, tl.num_programs(0), num_stages=STAGES
    ):
        line = tl.full((), 0, tl.int64) + block
        tiles = ()
        for tile in tl.static_range(TILES):
            _, index = entries(tile, SHAPE)
            at, here = place(
                index, slots, group, inputs, TRANSPOSED, CHOSEN, SHAPE
            )
            part = fetch(x, line * inputs + at, here, FULL)
            part *= factor(
                alphas[0],
                signs[0] + group * ORDER,
                at,
                here,
                gain,
                ALPHA,
                not TRANSPOSED,
                FULL,
            )
            tiles += (part,)  # type: ignore[assignment]
        tiles = butterflies(tiles)
        for tile in tl.static_range(TILES):
            values = products(tiles[tile], left, right, SHAPE, PARTS, WIDE)
            _, index = exits(tile, SHAPE)
            to, there = place(
                index, slots, group, outputs, not TRANSPOSED, CHOSEN, SHAPE
            )
            if TRANSPOSED:
                values *= fetch(signs[0], index, there, FULL)
            if SCALE:
                values *= fetch(scale, to, there, FULL)
            if BIAS:
                values += fetch(bias, to, there, FULL)
            store(y, values, line * outputs + to, there, FULL)


@triton.jit
def butterflies(tiles):
    """H times two or four tiles."""
    if len(tiles) == 2:
        return tiles[0] + tiles[1], tiles[0] - tiles[1]
    else:
        a, b = tiles[0] + tiles[1], tiles[0] - tiles[1]
        c, d = tiles[2] + tiles[3], tiles[2] - tiles[3]
        return a + c, b + d, a - c, b - d
