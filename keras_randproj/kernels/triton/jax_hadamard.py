"""The Hadamard kernels for JAX, through jax-triton, with gradients."""

import functools
import math

import jax
import jax.numpy as jnp
import jax_triton
import numpy as np
import triton

from keras_randproj.kernels.triton.jax_entrances import gradients_entrance
from keras_randproj.kernels.triton.jax_entrances import rows_entrance
from keras_randproj.kernels.triton.jax_entrances import sums_entrance
from keras_randproj.kernels.triton.settings import PARTS
from keras_randproj.kernels.triton.settings import gradient_setting
from keras_randproj.kernels.triton.settings import setting

# An H100, for programs that are lowered where there is no GPU.
CAPABILITY, PROCESSORS = 90, 132


def target():
    """Compute capability and processors of the GPU, or of an H100."""
    try:
        device = jax.devices("gpu")[0]
    except RuntimeError:
        return CAPABILITY, PROCESSORS
    capability = int(float(device.compute_capability) * 10)
    return capability, device.core_count


def call(x, alpha, signs, slots, scale, last, sizes, transposed, sums):
    """A launch: y, or `(y, sums)` where `last` is a probe and not a bias.

    Args:
        x: `(batch, inputs)`.
        alpha: `(inputs,)`.
        signs: `(groups, order)`.
        slots: int32 `(groups * order,)`, or `None` where all are taken.
        scale: `(outputs,)`.
        last: The bias `(outputs,)`, or the probe `(batch, outputs)`.
        sizes: Rows and columns of P, and the factor before scale and bias.
        transposed: Whether P^T is meant.
        sums: Whether sums over the batch are wanted.
    """
    rows, cols, gain = sizes
    groups, order = signs.shape
    batch, outputs = x.shape[0], rows if transposed else cols
    dtype = jnp.dtype(x.dtype).name
    single = sums or (transposed and groups > 1)
    chosen = setting(order, dtype, 1, single)
    tiles = math.prod(chosen.cuts)
    whole = tiles > 1 and not single
    lanes = (1 if whole else tiles) * (1 if transposed else groups)
    capability, processors = target()
    programs = chosen.waves * processors // lanes
    programs = max(1, min(programs, triton.cdiv(batch, chosen.rows)))
    shapes = [jax.ShapeDtypeStruct((batch, outputs), x.dtype)]
    if sums:
        shape = (programs, 2, outputs)
        shapes.append(jax.ShapeDtypeStruct(shape, jnp.float32))
    everything = slots is None and rows == order and cols == groups * order
    found = jax_triton.triton_call(
        x,
        alpha,
        signs,
        jnp.zeros((1,), jnp.int32) if slots is None else slots,
        scale,
        last,
        kernel=sums_entrance if sums else rows_entrance,
        out_shape=shapes,
        grid=(programs, lanes),
        num_warps=chosen.warps,
        compute_capability=capability,
        SIZES=(batch, rows, cols, gain),
        CHOSEN=slots is not None,
        TRANSPOSED=transposed,
        GROUPS=groups,
        FULL=everything and batch % chosen.rows == 0,
        WHOLE=whole,
        SHAPE=chosen.shape(order, transposed),
        PARTS=PARTS[dtype],
        STAGES=chosen.stages,
    )
    return (found[0], found[1].sum(0)) if sums else found[0]


def gradients(upstream, x, alpha, signs, slots, scale, sizes, transposed):
    """`(dx, of alpha, of scale, of bias)`, the latter float32."""
    rows, cols, gain = sizes
    groups, order = signs.shape
    dtype = jnp.dtype(x.dtype).name
    chosen = gradient_setting(groups, order, dtype)
    if chosen is None:
        dx, inner = call(
            upstream, scale, signs, slots, alpha, x, sizes, not transposed, True
        )
        ones = jnp.ones_like(scale)
        _, outer = call(
            x, alpha, signs, slots, ones, upstream, sizes, transposed, True
        )
        return dx, inner[0], *outer
    batch, inputs = x.shape
    outputs = upstream.shape[1]
    capability, processors = target()
    programs = min(chosen.waves * processors, batch)
    dx, sums = jax_triton.triton_call(
        upstream,
        x,
        alpha,
        signs,
        jnp.zeros((1,), jnp.int32) if slots is None else slots,
        scale,
        kernel=gradients_entrance,
        out_shape=[
            jax.ShapeDtypeStruct(x.shape, x.dtype),
            jax.ShapeDtypeStruct((programs, inputs + 2 * outputs), jnp.float32),
        ],
        grid=(programs,),
        num_warps=chosen.warps,
        compute_capability=capability,
        SIZES=(batch, rows, cols, gain),
        CHOSEN=slots is not None,
        TRANSPOSED=transposed,
        FULL=slots is None and rows == order and cols == order,
        SHAPE=chosen.shape(order, transposed),
        BACK=chosen.shape(order, not transposed),
        PARTS=PARTS[dtype],
        STAGES=chosen.stages,
    )
    return dx, *jnp.split(sums.sum(0), (inputs, inputs + outputs))


def one_by_one(function, *arrays):
    """A call with a rule for `jax.vmap`: one after the other."""
    run = jax.custom_batching.custom_vmap(function)

    @run.def_vmap
    def rule(size, mapped, *arrays):
        out = _map(run, size, mapped, arrays)
        return out, jax.tree.map(lambda _: True, out)

    return run(*arrays)


def _map(run, size, mapped, arrays):
    def one(nth):
        return run(
            *(
                array[nth] if is_mapped else array
                for array, is_mapped in zip(arrays, mapped, strict=True)
            )
        )

    return jax.lax.map(one, jnp.arange(size))


def batched(x, alpha, signs, slots, scale, bias, sizes, transposed):
    """`call` with a rule for `jax.vmap`.

    Rows of a batch of batches go through together where x alone has them;
    else one batch follows the other.
    """

    @jax.custom_batching.custom_vmap
    def run(x, alpha, signs, slots, scale, bias):
        return call(
            x, alpha, signs, slots, scale, bias, sizes, transposed, False
        )

    @run.def_vmap
    def rule(size, mapped, *arrays):
        if mapped[0] and not any(jax.tree.leaves(mapped[1:])):
            x, *vectors = arrays
            y = run(x.reshape(-1, x.shape[-1]), *vectors)
            return y.reshape(size, -1, y.shape[-1]), True
        return _map(run, size, mapped, arrays), True

    return run(x, alpha, signs, slots, scale, bias)


@functools.partial(jax.custom_vjp, nondiff_argnums=(6, 7))
def hadamard(x, alpha, signs, slots, scale, bias, sizes, transposed):
    """`scale * gain * ((alpha * x) P) + bias`; see `call`."""
    return batched(x, alpha, signs, slots, scale, bias, sizes, transposed)


def _ahead(x, alpha, signs, slots, scale, bias, sizes, transposed):
    y = hadamard(x, alpha, signs, slots, scale, bias, sizes, transposed)
    return y, (x, alpha, signs, slots, scale, bias)


def _back(sizes, transposed, kept, upstream):
    x, alpha, signs, slots, scale, bias = kept
    back = functools.partial(gradients, sizes=sizes, transposed=transposed)
    dx, inner, *outer = one_by_one(
        back, upstream, x, alpha, signs, slots, scale
    )
    return (
        dx,
        inner.astype(alpha.dtype),
        jnp.zeros_like(signs),
        None if slots is None else np.zeros(slots.shape, jax.dtypes.float0),
        outer[0].astype(scale.dtype),
        outer[1].astype(bias.dtype),
    )


hadamard.defvjp(_ahead, _back)
