"""A product whose right-hand side exists only inside the kernel."""

from dataclasses import dataclass
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl

from keras_randproj.kernels.pallas import entries
from keras_randproj.kernels.pallas.requirements import interpreted

# Sides of the blocks of x, of inputs and of outputs: whole tiles of the
# contract and of a TPU's registers. Not measured on a device yet.
BLOCK_BATCH = 16
BLOCK_IN = 128
BLOCK_OUT = 128


@dataclass(frozen=True)
class Layout:
    """How 128 bits become a tile, as numbers that kernels are made for."""

    code: int
    bits: int
    rows: int
    cols: int
    levels: int


@dataclass(frozen=True)
class SeededProduct:
    """`x -> gain * x P`, P from a seed; arrays are the key and a table.

    `tile_row` and `tile_col` say where in an endless matrix P begins.
    """

    rows: int
    cols: int
    layout: Layout
    gain: float
    transposed: bool = False
    tile_row: int = 0
    tile_col: int = 0

    def transpose(self):
        return replace(self, transposed=not self.transposed)

    @property
    def sizes(self):
        """Inputs and outputs."""
        sides = self.rows, self.cols
        return sides[::-1] if self.transposed else sides

    def __call__(self, x, alpha, scale, bias, key, table):
        inputs, outputs = self.sizes
        steps = pl.cdiv(inputs, BLOCK_IN)
        # What lies outside of x is undefined; it must be zero.
        missing = steps * BLOCK_IN - inputs
        x = jnp.pad(x, [(0, 0), (0, missing)])
        alpha = jnp.pad(alpha, (0, missing))
        tables = [] if table is None else [table]
        row = pl.BlockSpec((1, BLOCK_OUT), lambda i, j: (0, j))
        return pl.pallas_call(
            self._kernel,
            out_shape=jax.ShapeDtypeStruct((x.shape[0], outputs), x.dtype),
            grid=(
                pl.cdiv(x.shape[0], BLOCK_BATCH),
                pl.cdiv(outputs, BLOCK_OUT),
            ),
            in_specs=[
                pl.BlockSpec((BLOCK_BATCH, x.shape[1]), lambda i, j: (i, 0)),
                pl.BlockSpec((1, x.shape[1]), lambda i, j: (0, 0)),
                row,
                row,
                pl.BlockSpec(key.shape, lambda i, j: (0,)),
                *[pl.BlockSpec(t.shape, lambda i, j: (0,)) for t in tables],
            ],
            out_specs=pl.BlockSpec(
                (BLOCK_BATCH, BLOCK_OUT), lambda i, j: (i, j)
            ),
            interpret=interpreted(),
            name="randproj_product",
        )(x, alpha[None], scale[None], bias[None], key, *tables)

    def _kernel(self, x, alpha, scale, bias, key, *rest):
        *tables, y = rest
        table = tables[0] if tables else None
        sides = BLOCK_IN, BLOCK_OUT
        height, width = sides[::-1] if self.transposed else sides
        column = pl.program_id(1)

        def add(k, total):
            here = pl.ds(k * BLOCK_IN, BLOCK_IN)
            part = x[:, here].astype("float32") * alpha[:, here]
            part = part.astype(x.dtype).astype("float32")
            i, j = k, column
            if self.transposed:
                i, j = j, k
            matrix = entries.block(
                key,
                table,
                jnp.uint32(self.tile_row)
                + jnp.uint32(i) * (height // self.layout.rows),
                jnp.uint32(self.tile_col)
                + jnp.uint32(j) * (width // self.layout.cols),
                self.layout,
                height,
                width,
            )
            if self.transposed:
                matrix = matrix.T
            return total + jnp.dot(
                part,
                matrix,
                precision=lax.Precision.HIGHEST,
                preferred_element_type="float32",
            )

        total = jnp.zeros((BLOCK_BATCH, BLOCK_OUT), "float32")
        total = lax.fori_loop(0, x.shape[1] // BLOCK_IN, add, total)
        total = total * self.gain * scale[...] + bias[...]
        y[...] = total.astype(y.dtype)
