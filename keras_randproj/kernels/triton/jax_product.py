"""Products with P from its seed, or packed, for JAX, with gradients."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from keras_randproj.kernels.triton import few_rows
from keras_randproj.kernels.triton import product_kernels
from keras_randproj.kernels.triton import product_settings as settings
from keras_randproj.kernels.triton import sign_words
from keras_randproj.kernels.triton.jax_entrances import chunk_entrance
from keras_randproj.kernels.triton.jax_launch import launch
from keras_randproj.kernels.triton.jax_launch import target
from keras_randproj.kernels.triton.jax_launch import together
from keras_randproj.kernels.triton.matrix import Matrix
from keras_randproj.kernels.triton.matrix import table


def call(x, alpha, source, scale, bias, gain, layout, transposed):
    """The launches of `product`, without a rule for gradients."""
    matrix = Matrix(source, *layout)
    batch = x.shape[0]
    outputs = matrix.rows if transposed else matrix.cols
    if settings.packs_first(matrix, batch):
        matrix = _packed(matrix)
    if batch <= settings.FEW_ROWS:
        run = _few_rows
    else:
        run = _chunked if settings.in_chunks(matrix, batch) else _multiplied
    y = jax.ShapeDtypeStruct((batch, outputs), x.dtype)
    return run(matrix, x, alpha, scale, bias, y, gain, transposed)


def _launch(kernel, launched, arrays, shape, dtype, **numbers):
    """The array that a `product_settings.Launch` writes."""
    (found,) = launch(
        kernel,
        launched.grid,
        arrays,
        [jax.ShapeDtypeStruct(shape, dtype)],
        launched.options,
        launched.arguments | numbers,
    )
    return found


def _few_rows(matrix, x, alpha, scale, bias, y, gain, transposed):
    given = {
        "ALPHA": alpha is not None,
        "SCALE": scale is not None,
        "BIAS": bias is not None,
    }
    alpha, scale, bias = (x if v is None else v for v in (alpha, scale, bias))
    return _launch(
        few_rows.few_rows_kernel,
        settings.few_rows(matrix, len(x), transposed, given, target()[1]),
        [x, alpha, matrix.source, _table_of(matrix), scale, bias],
        y.shape,
        y.dtype,
        gain=gain,
    )


def _table_of(matrix):
    """The entries of all codes; any pointer where there is no table."""
    if matrix.levels >= 0:
        return matrix.source
    return jnp.asarray(table(matrix.levels))


def _packed(matrix):
    """The signs of a seed, packed."""
    launched, shape = settings.packing(matrix)
    words = _launch(
        sign_words.pack_kernel, launched, [matrix.source], shape, jnp.int32
    )
    return matrix.packed_as(words)


def _multiplied(matrix, x, alpha, scale, bias, y, gain, transposed):
    launched = settings.multiplied(
        matrix,
        len(x),
        x.dtype.name,
        transposed,
        {"SCALE": scale is not None, "BIAS": bias is not None},
        target()[1],
    )
    x = _prepared(x, alpha, launched.arguments["PAIRED"] and not transposed)
    splits = launched.arguments["SPLITS"]
    vectors = [x if vector is None else vector for vector in (scale, bias)]
    found = _launch(
        product_kernels.product_kernel,
        launched,
        [x, matrix.source, _table_of(matrix), *vectors],
        y.shape if splits == 1 else (splits, *y.shape),
        y.dtype if splits == 1 else jnp.float32,
        gain=gain,
    )
    if splits == 1:
        return found
    return _launch(
        product_kernels.finish_kernel,
        settings.finished(launched, *y.shape),
        [found, *vectors],
        y.shape,
        y.dtype,
        gain=gain,
    )


def _prepared(x, alpha, paired):
    """`x * alpha`, once and not in every program that needs these inputs.

    Paired inputs take turns: of each 32 the first half and the second.
    """
    out = x if alpha is None else (x * alpha).astype(x.dtype)
    if not paired:
        return out
    half = settings.WORD_ROWS // 2
    return out.reshape(len(x), -1, 2, half).swapaxes(2, 3).reshape(x.shape)


def _chunked(matrix, x, alpha, scale, bias, y, gain, transposed):
    """The library's products with chunks of P, along the outputs."""
    batch, inputs = x.shape
    outputs = y.shape[1]
    before = settings.before(inputs)
    x = x * (before if alpha is None else (alpha * before).astype(x.dtype))
    side = settings.chunk_side(inputs, x.dtype.itemsize)
    side = min(side, math.ceil(outputs / settings.BLOCK) * settings.BLOCK)
    chunks = math.ceil(outputs / side)
    shape = (side, inputs) if transposed else (inputs, side)
    launched = settings.written(matrix, *shape)
    arrays = matrix.source, _table_of(matrix)

    def one(nth, found):
        chunk = _launch(
            chunk_entrance,
            launched,
            [*arrays, nth.reshape(1)],
            shape,
            x.dtype,
            SIDE=side,
            TRANSPOSED=transposed,
        )
        chunk = chunk.T if transposed else chunk
        part = jnp.matmul(x, chunk, preferred_element_type=jnp.float32)
        return jax.lax.dynamic_update_slice(found, part, (0, nth * side))

    # A loop holds a chunk at a time, and compiles one.
    found = jnp.zeros((batch, chunks * side), jnp.float32)
    found = jax.lax.fori_loop(jnp.int32(0), jnp.int32(chunks), one, found)
    found = found[:, :outputs] * (gain / before)
    if scale is not None:
        found = found * scale
    if bias is not None:
        found = found + bias
    return found.astype(y.dtype)


@functools.partial(jax.custom_vjp, nondiff_argnums=(5, 6, 7))
def product(x, alpha, source, scale, bias, gain, layout, transposed):
    """`scale * gain * ((alpha * x) P) + bias`.

    Args:
        x: `(batch, inputs)`.
        alpha: `(inputs,)` or `None`.
        source: int32 key `(4,)`, or packed words.
        scale: `(outputs,)` or `None`.
        bias: `(outputs,)` or `None`.
        gain: Float, the factor of the product with the kernel's entries.
        layout: A tuple of a `Matrix`'s numbers, from rows to levels.
        transposed: Whether P^T is meant.
    """
    run = functools.partial(
        call, gain=gain, layout=layout, transposed=transposed
    )
    return together(run, x, alpha, source, scale, bias)


def _ahead(x, alpha, source, scale, bias, *rest):
    y = product(x, alpha, source, scale, bias, *rest)
    return y, (x, alpha, source, scale, bias)


def _back(gain, layout, transposed, kept, upstream):
    """As torch's operator does it: each gradient is such a product again."""
    x, alpha, source, scale, bias = kept
    rest = None, None, gain, layout
    back = product(upstream, scale, source, *rest, not transposed)
    dx, of_alpha, of_scale, of_bias = back, None, None, None
    if alpha is not None:
        dx = (back * alpha).astype(x.dtype)
        of_alpha = _over_batch(back, x, alpha.dtype)
    if scale is not None:
        ahead = product(x, alpha, source, *rest, transposed)
        of_scale = _over_batch(ahead, upstream, scale.dtype)
    if bias is not None:
        of_bias = upstream.astype("float32").sum(0).astype(bias.dtype)
    no_gradient = np.zeros(source.shape, jax.dtypes.float0)
    return dx, of_alpha, no_gradient, of_scale, of_bias


def _over_batch(a, b, dtype):
    """The sum of products over the batch, in float32."""
    return (a.astype("float32") * b.astype("float32")).sum(0).astype(dtype)


product.defvjp(_ahead, _back)
