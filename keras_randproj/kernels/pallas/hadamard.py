"""Signs, Walsh-Hadamard transform, scale and bias in one kernel.

The transform is two small products, as in the reference, but the array
between them never leaves the kernel.
"""

from dataclasses import dataclass
from dataclasses import replace

import jax
import jax.numpy as jnp
from jax import lax
from jax.experimental import pallas as pl

from keras_randproj.kernels.pallas.requirements import interpreted
from keras_randproj.matrices.hadamard import factors
from keras_randproj.matrices.hadamard import walsh_matrix

# Numbers that a program holds at a time. Not measured on a device yet.
TILE = 8192


@dataclass(frozen=True)
class HadamardProduct:
    """`x -> gain * x P` for `P = (R H D)^T`; arrays: signs and positions."""

    rows: int
    cols: int
    gain: float
    transposed: bool = False

    def transpose(self):
        return replace(self, transposed=not self.transposed)

    def __call__(self, x, alpha, scale, bias, signs, positions):
        groups, order = signs.shape
        run = self._adjoint if self.transposed else self._forward
        inner, outer = (self.rows, order), (self.cols, groups * order)
        if self.transposed:
            inner, outer = outer, inner
        chosen = positions is not None
        spread = chosen and self.transposed
        gather = chosen and not self.transposed
        x, alpha = (
            _spread(v, inner[1], positions if spread else None)
            for v in (x, alpha)
        )
        scale, bias = (
            _spread(v, outer[1], positions if gather else None)
            for v in (scale, bias)
        )
        y = run(x, alpha, scale, bias, signs.astype("float32"))
        return jnp.take(y, positions, axis=1) if gather else y[:, : outer[0]]

    def _forward(self, x, alpha, scale, bias, signs):
        groups, order = signs.shape
        first, second = factors(order)
        block = max(1, TILE // order)

        def kernel(x, alpha, signs, h1, h2, scale, bias, y):
            z = x[...].astype("float32") * alpha[...] * signs[...]
            z = jnp.swapaxes(_times(z, h2[...]), 1, 2)
            z = _times(z, h1[...]) * (self.gain * scale[...]) + bias[...]
            y[...] = z.astype(y.dtype)

        y = pl.pallas_call(
            kernel,
            out_shape=jax.ShapeDtypeStruct(
                (x.shape[0], groups * second, first), x.dtype
            ),
            grid=(pl.cdiv(x.shape[0], block), groups),
            in_specs=[
                pl.BlockSpec((block, first, second), lambda i, g: (i, 0, 0)),
                pl.BlockSpec((1, first, second), lambda i, g: (0, 0, 0)),
                pl.BlockSpec((1, first, second), lambda i, g: (g, 0, 0)),
                pl.BlockSpec((first, first), lambda i, g: (0, 0)),
                pl.BlockSpec((second, second), lambda i, g: (0, 0)),
                pl.BlockSpec((1, second, first), lambda i, g: (0, g, 0)),
                pl.BlockSpec((1, second, first), lambda i, g: (0, g, 0)),
            ],
            out_specs=pl.BlockSpec(
                (block, second, first), lambda i, g: (i, g, 0)
            ),
            interpret=interpreted(),
            name="randproj_hadamard",
        )(
            x.reshape(-1, first, second),
            alpha.reshape(1, first, second),
            signs.reshape(groups, first, second),
            walsh_matrix(first),
            walsh_matrix(second),
            scale.reshape(1, groups * second, first),
            bias.reshape(1, groups * second, first),
        )
        return y.reshape(-1, groups * order)

    def _adjoint(self, x, alpha, scale, bias, signs):
        groups, order = signs.shape
        first, second = factors(order)
        block = max(1, TILE // order)

        def kernel(x, alpha, signs, h1, h2, scale, bias, y):
            total = jnp.zeros((x.shape[0], first, second), "float32")
            for g in range(groups):
                here = pl.ds(g * second, second)
                z = x[:, here, :].astype("float32") * alpha[:, here, :]
                z = jnp.swapaxes(_times(z, h1[...]), 1, 2)
                total += _times(z, h2[...]) * signs[g]
            total = total * (self.gain * scale[...]) + bias[...]
            y[...] = total.astype(y.dtype)

        whole = pl.BlockSpec((1, first, second), lambda i: (0, 0, 0))
        y = pl.pallas_call(
            kernel,
            out_shape=jax.ShapeDtypeStruct(
                (x.shape[0], first, second), x.dtype
            ),
            grid=(pl.cdiv(x.shape[0], block),),
            in_specs=[
                pl.BlockSpec(
                    (block, groups * second, first), lambda i: (i, 0, 0)
                ),
                pl.BlockSpec((1, groups * second, first), lambda i: (0, 0, 0)),
                pl.BlockSpec((groups, first, second), lambda i: (0, 0, 0)),
                pl.BlockSpec((first, first), lambda i: (0, 0)),
                pl.BlockSpec((second, second), lambda i: (0, 0)),
                whole,
                whole,
            ],
            out_specs=pl.BlockSpec((block, first, second), lambda i: (i, 0, 0)),
            interpret=interpreted(),
            name="randproj_hadamard_adjoint",
        )(
            x.reshape(-1, groups * second, first),
            alpha.reshape(1, groups * second, first),
            signs.reshape(groups, first, second),
            walsh_matrix(first),
            walsh_matrix(second),
            scale.reshape(1, first, second),
            bias.reshape(1, first, second),
        )
        return y.reshape(-1, order)


def _times(z, matrix):
    """The last axis times a matrix, in float32."""
    flat = jnp.dot(
        z.reshape(-1, z.shape[-1]),
        matrix,
        precision=lax.Precision.HIGHEST,
        preferred_element_type="float32",
    )
    return flat.reshape(z.shape)


def _spread(v, size, positions):
    """The last axis at `size` places: the given ones, or the first."""
    if positions is not None:
        return (
            jnp.zeros((*v.shape[:-1], size), v.dtype).at[..., positions].set(v)
        )
    missing = size - v.shape[-1]
    return jnp.pad(v, [(0, 0)] * (v.ndim - 1) + [(0, missing)])
