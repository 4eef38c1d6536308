"""The Hadamard kernels for JAX, through jax-triton, with gradients."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import triton

from keras_randproj.kernels.triton.jax_entrances import gradients_entrance
from keras_randproj.kernels.triton.jax_entrances import rows_entrance
from keras_randproj.kernels.triton.jax_entrances import sums_entrance
from keras_randproj.kernels.triton.jax_launch import launch
from keras_randproj.kernels.triton.jax_launch import one_by_one
from keras_randproj.kernels.triton.jax_launch import target
from keras_randproj.kernels.triton.jax_launch import together
from keras_randproj.kernels.triton.requirements import INTERPRETED
from keras_randproj.kernels.triton.settings import PARTS
from keras_randproj.kernels.triton.settings import gradient_setting
from keras_randproj.kernels.triton.settings import setting


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
    processors = target()[1]
    programs = chosen.waves * processors // lanes
    programs = max(1, min(programs, triton.cdiv(batch, chosen.rows)))
    shapes = [jax.ShapeDtypeStruct((batch, outputs), x.dtype)]
    if sums:
        shape = (programs, 2, outputs)
        shapes.append(jax.ShapeDtypeStruct(shape, jnp.float32))
    everything = slots is None and rows == order and cols == groups * order
    arguments = {
        "SIZES": (batch, rows, cols, gain),
        "CHOSEN": slots is not None,
        "TRANSPOSED": transposed,
        "GROUPS": groups,
        "FULL": everything and batch % chosen.rows == 0,
        "WHOLE": whole,
        "SHAPE": chosen.shape(order, transposed),
        "PARTS": PARTS[dtype],
        "STAGES": chosen.stages,
        "WIDE": INTERPRETED,
    }
    found = launch(
        sums_entrance if sums else rows_entrance,
        (programs, lanes),
        [x, alpha, signs, _slots_or_any(slots), scale, last],
        shapes,
        {"num_warps": chosen.warps},
        arguments,
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
    processors = target()[1]
    programs = min(chosen.waves * processors, batch)
    arguments = {
        "SIZES": (batch, rows, cols, gain),
        "CHOSEN": slots is not None,
        "TRANSPOSED": transposed,
        "FULL": slots is None and rows == order and cols == order,
        "SHAPE": chosen.shape(order, transposed),
        "BACK": chosen.shape(order, not transposed),
        "PARTS": PARTS[dtype],
        "STAGES": chosen.stages,
        "WIDE": INTERPRETED,
    }
    sums = (programs, inputs + 2 * outputs)
    dx, sums = launch(
        gradients_entrance,
        (programs,),
        [upstream, x, alpha, signs, _slots_or_any(slots), scale],
        [
            jax.ShapeDtypeStruct(x.shape, x.dtype),
            jax.ShapeDtypeStruct(sums, jnp.float32),
        ],
        {"num_warps": chosen.warps},
        arguments,
    )
    return dx, *jnp.split(sums.sum(0), (inputs, inputs + outputs))


def _slots_or_any(slots):
    """A kernel takes a pointer also where it reads nothing."""
    return jnp.zeros((1,), jnp.int32) if slots is None else slots


@functools.partial(jax.custom_vjp, nondiff_argnums=(6, 7))
def hadamard(x, alpha, signs, slots, scale, bias, sizes, transposed):
    """`scale * gain * ((alpha * x) P) + bias`; see `call`."""
    run = functools.partial(
        call, sizes=sizes, transposed=transposed, sums=False
    )
    return together(run, x, alpha, signs, slots, scale, bias)


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
