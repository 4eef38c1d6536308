"""Launches through jax-triton, where they run, and how `vmap` maps them."""

import os

import jax
import jax.numpy as jnp

from keras_randproj.kernels.triton.requirements import jax_capability


def _imported():
    """jax-triton; its import alone would leave Triton without a cache.

    It sets `TRITON_CACHE_DIR` to nothing, after which kernels that torch or
    others launch in the same process do not compile (0.3.1). It does without
    Triton's cache itself.
    """
    name = "TRITON_CACHE_DIR"
    before = os.environ.get(name)
    import jax_triton

    if before is not None:
        os.environ[name] = before
    elif os.environ.get(name) == "":
        del os.environ[name]
    return jax_triton


jax_triton = _imported()
# An H100, for programs that are lowered where there is no GPU.
CAPABILITY, PROCESSORS = 90, 132


def target():
    """Compute capability and processors of the GPU, or of an H100."""
    found = jax_capability()
    if found is None:
        return CAPABILITY, PROCESSORS
    return 10 * found[0] + found[1], jax.devices("gpu")[0].core_count


def launch(kernel, grid, arrays, shapes, options, arguments):
    """What a kernel writes, arrays of these shapes.

    Args:
        kernel: It takes the arrays first, then what it writes to.
        grid: Programs on each axis.
        arrays: A list of arrays.
        shapes: For each result a `jax.ShapeDtypeStruct`.
        options: Of the compiler: `num_warps` and `num_stages`.
        arguments: All else the kernel takes, by name. The compiler gets
            sizes as constants too, as shapes are in JAX.
    """
    return jax_triton.triton_call(
        *arrays,
        kernel=kernel,
        out_shape=shapes,
        grid=grid,
        compute_capability=target()[0],
        **options,
        **arguments,
    )


def one_by_one(function, *arrays):
    """A call with a rule for `jax.vmap`: one after the other."""
    run = jax.custom_batching.custom_vmap(function)

    @run.def_vmap
    def rule(size, mapped, *arrays):
        out = _map(run, size, mapped, arrays)
        return out, jax.tree.map(lambda _: True, out)

    return run(*arrays)


def together(function, *arrays):
    """A call whose rows go through together where `jax.vmap` maps x alone.

    Args:
        function: Of arrays, of which x is the first; it returns y.
        arrays: x is `(batch, inputs)`, y `(batch, outputs)`.
    """
    run = jax.custom_batching.custom_vmap(function)

    @run.def_vmap
    def rule(size, mapped, x, *rest):
        if mapped[0] and not any(jax.tree.leaves(mapped[1:])):
            y = run(x.reshape(-1, x.shape[-1]), *rest)
            return y.reshape(size, -1, y.shape[-1]), True
        return _map(run, size, mapped, (x, *rest)), True

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
