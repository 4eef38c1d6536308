"""What the Triton compiler makes of every launch, for GPUs that are not here.

Run by `test_resources.py` in a process without Triton's interpreter; alone,
`python tests/kernels/compile_kernels.py --all` compiles every case anew, or
those with `--only TEXT` in their name, and prints a line each, with how many
processor seconds a first call takes longer. Launches are recorded with tensors
that have no memory, so what is compiled is what a call would launch.
"""

import argparse
import functools
import importlib.util
import itertools
import json
import os
import re
import resource
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

os.environ["KERAS_BACKEND"] = "torch"
os.environ.pop("TRITON_INTERPRET", None)

import numpy as np
import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from keras_randproj.kernels.levels import TABLES
from keras_randproj.kernels.triton import few_rows
from keras_randproj.kernels.triton import gradient_kernel
from keras_randproj.kernels.triton import hadamard
from keras_randproj.kernels.triton import hadamard_gradients
from keras_randproj.kernels.triton import hadamard_kernels
from keras_randproj.kernels.triton import product
from keras_randproj.kernels.triton import product_kernels
from keras_randproj.kernels.triton import settings
from keras_randproj.kernels.triton import sign_words

CAPABILITIES = 80, 90
OBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
DTYPES = {
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
    "float32": torch.float32,
}
KINDS = "forward", "back", "sums", "gradients", "chosen", "added", "stages"
# Dtype, order, kind: each setting, and each way through the kernels.
QUICK = [
    ("bfloat16", 2, "forward"),
    ("bfloat16", 512, "back"),
    ("bfloat16", 1024, "forward"),
    ("bfloat16", 4096, "forward"),
    ("bfloat16", 4096, "sums"),
    ("bfloat16", 4096, "gradients"),
    ("bfloat16", 8192, "back"),
    ("bfloat16", 16384, "forward"),
    ("bfloat16", 32768, "back"),
    ("bfloat16", 32768, "added"),
    ("float16", 64, "chosen"),
    ("float16", 8192, "sums"),
    ("float32", 128, "stages"),
    ("float32", 2048, "gradients"),
    ("float32", 4096, "sums"),
]


def every_case():
    for dtype, power, kind in itertools.product(DTYPES, range(1, 16), KINDS):
        order = 1 << power
        if settings.library_is_faster(order, dtype):
            continue
        if kind != "stages" or order <= settings.LARGEST_STAGES:
            yield dtype, order, kind


class Recorder:
    """Stands in for a kernel, and keeps what it is launched with."""

    def __init__(self, kernel, found):
        self.kernel, self.found = kernel, found

    def __getitem__(self, grid):
        def launch(*given, num_warps=4, num_stages=3, **named):
            options = {"num_warps": num_warps, "num_stages": num_stages}
            names = self.kernel.arg_names
            named |= dict(zip(names, given, strict=False))
            fixed = {p.name for p in self.kernel.params if p.is_constexpr}
            constants = {name: named.pop(name) for name in fixed & {*named}}
            self.found.append((self.kernel, named, constants, options))

        return launch


def launches(names, call):
    """What a function would launch of `(module, kernel's name)` pairs."""
    hadamard.launcher.cache_clear()
    hadamard_gradients.launcher.cache_clear()
    product.launcher.cache_clear()
    found: list = []
    kernels = [(module, name, getattr(module, name)) for module, name in names]
    for module, name, kernel in kernels:
        setattr(module, name, Recorder(kernel, found))
    try:
        call()
    finally:
        for module, name, kernel in kernels:
            setattr(module, name, kernel)
    return found


def record_hadamard(dtype, order, kind):
    def empty(*shape, dtype=DTYPES[dtype]):
        return torch.empty(shape, dtype=dtype, device="meta")

    def vector(size):
        # Of a mixed policy; those that are read for each row are cast.
        cast = settings.reads_again(order)
        return empty(size, dtype=DTYPES[dtype] if cast else torch.float32)

    def call():
        # Two groups of outputs, of the second a choice; back they are added.
        chosen = kind in ("chosen", "added")
        depth, groups = (3, 1) if kind == "stages" else (1, 1 + chosen)
        rows = order - order // 4 if chosen else order
        cols = order + order // 2 if chosen else order
        turned = kind in ("back", "added")
        if kind == "gradients":
            hadamard_gradients.stage_gradients(
                empty(4096, order),
                empty(4096, order),
                vector(order),
                empty(1, order),
                None,
                vector(order),
                0.5,
                order,
                order,
                False,
                True,
                True,
            )
            return
        probe = empty(4096, cols) if kind == "sums" else None
        hadamard.launch(
            empty(4096, cols if turned else rows),
            [vector(cols if turned else rows)] * depth,
            [empty(groups, order)] * depth,
            empty(groups * order, dtype=torch.int32) if chosen else None,
            vector(rows if turned else cols),
            None if kind == "sums" else vector(rows if turned else cols),
            0.5,
            rows,
            cols,
            turned,
            probe=probe,
        )

    names = [
        (hadamard_kernels, "tile_kernel"),
        (hadamard_kernels, "row_kernel"),
        (gradient_kernel, "gradient_kernel"),
    ]
    return launches(names, call)


# Family and storage: packed, code, bits, rows and columns of a tile, levels.
FAMILIES = {
    "rademacher": (0, 1, 1, 16, 8, 0),
    "sparse_ternary": (0, 2, 8, 4, 4, 43),
    "gaussian": (0, 3, 16, 4, 2, -1),
    "packed signs": (1, 0, 1, 32, 1, 0),
    "packed digits": (1, 0, 2, 16, 1, 0),
}
BATCHES = 1, 2, 3, 4, 8, 16, 128, 512
# What `product` computes, and what its gradient of x does.
WAYS = "forward", "back"
QUICK_PRODUCTS = [
    ("bfloat16", "rademacher", 4, "forward"),
    ("bfloat16", "rademacher", 128, "forward"),
    ("bfloat16", "sparse_ternary", 512, "forward"),
    ("bfloat16", "packed digits", 2, "back"),
    ("float16", "packed digits", 16, "forward"),
    ("float32", "gaussian", 128, "back"),
]


def every_product():
    yield from itertools.product(DTYPES, FAMILIES, BATCHES, WAYS)


def record_product(dtype, family, batch, way):
    if not TABLES:
        TABLES.append(np.zeros(2**16, "float32"))
    shape = 4096, 8192
    inputs, outputs = shape[::-1] if way == "back" else shape
    x = torch.empty((batch, inputs), dtype=DTYPES[dtype], device="meta")
    words = torch.empty((4,), dtype=torch.int32, device="meta")
    matrix = product.Matrix(words, *shape, *FAMILIES[family])
    vectors = [x.new_empty(size) for size in (inputs, outputs, outputs)]
    if way == "back":
        vectors[1:] = None, None
    names = [
        (few_rows, "few_rows_kernel"),
        (sign_words, "pack_kernel"),
        (product_kernels, "product_kernel"),
        (product_kernels, "finish_kernel"),
        (product_kernels, "matrix_kernel"),
    ]

    def call():
        product.multiply(matrix, x, *vectors, 1.0, way == "back")

    product.processors = lambda device: 132
    # The chunks of a large batch differ in what they begin with only.
    return launches(names, call)[:3]


QUICK_ON_JAX = [
    ("bfloat16", "hadamard", 4096),
    ("bfloat16", "rademacher", 128),
    ("bfloat16", "sparse_ternary", 512),
    ("float32", "packed digits", 1),
]


def every_case_on_jax():
    # Forward and back of each.
    yield from itertools.product(DTYPES, FAMILIES, BATCHES)
    for dtype, power in itertools.product(DTYPES, range(1, 16)):
        if not settings.library_is_faster(1 << power, dtype):
            yield dtype, "hadamard", 1 << power


def record_on_jax(dtype, family, size):
    """Launches of `size` rows, or of that order, forward and back."""
    import jax
    import jax.numpy as jnp

    from keras_randproj.kernels.triton import jax_hadamard
    from keras_randproj.kernels.triton import jax_product

    found: list = []

    def launch(kernel, grid, arrays, shapes, options, arguments):
        pointers = dict(zip(kernel.arg_names, [*arrays, *shapes], strict=False))
        options = {"num_warps": 4, "num_stages": 3} | options
        found.append((kernel, pointers, arguments, options))
        return [jnp.zeros(shape.shape, shape.dtype) for shape in shapes]

    def shape(*sizes, dtype=dtype):
        return jax.ShapeDtypeStruct(sizes, dtype)

    jax_hadamard.launch = jax_product.launch = launch
    if family == "hadamard":
        run = functools.partial(
            jax_hadamard.hadamard, sizes=(size, size, 0.5), transposed=False
        )
        x, signs, slots = shape(4096, size), shape(1, size), None
        vectors = [shape(size)] * 3
        arrays = x, vectors[0], signs, slots, *vectors[1:]
    else:
        if not TABLES:
            TABLES.append(np.zeros(2**16, "float32"))
        layout = 4096, 8192, *FAMILIES[family]
        run = functools.partial(
            jax_product.product, gain=0.5, layout=layout, transposed=False
        )
        words = (layout[0] // layout[5], layout[1]) if layout[2] else (4,)
        x, words = shape(size, layout[0]), shape(*words, dtype="int32")
        arrays = x, shape(layout[0]), words, None, shape(layout[1])

    def both(x, *rest):
        y, back = jax.vjp(lambda x: run(x, *rest), x)
        return back(y)

    jax.eval_shape(both, *arrays)
    return found


TYPES = {
    "float32": "*fp32",
    "float16": "*fp16",
    "bfloat16": "*bf16",
    "int32": "*i32",
}


def type_of(array):
    return TYPES[str(array.dtype).removeprefix("torch.")]


def compiled(kernel, arguments, constants, options, capability):
    """The compiled kernel of a launch, as Triton specializes it."""
    signature, attributes = {}, {}
    constants = dict(constants)
    for name, value in arguments.items():
        k = kernel.arg_names.index(name)
        if isinstance(value, tuple):
            signature[name] = tuple(map(type_of, value))
            for nth in range(len(value)):
                attributes[k, nth] = [["tt.divisibility", 16]]
        elif hasattr(value, "dtype"):
            signature[name] = type_of(value)
            attributes[k,] = [["tt.divisibility", 16]]
        elif isinstance(value, float):
            signature[name] = "fp32"
        elif value == 1 and name != "batch":
            constants[name] = 1
        else:
            signature[name] = "i32"
            if value % 16 == 0 and name != "batch":
                attributes[k,] = [["tt.divisibility", 16]]
    signature |= dict.fromkeys(constants, "constexpr")
    source = ASTSource(kernel, signature, constants, attributes)
    target = GPUTarget("cuda", capability, 32)
    return triton.compile(source, target=target, options=options)


def resources(kernel):
    """Registers and spilled bytes of a thread, shared bytes of a program."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        told = subprocess.run(
            [OBJDUMP, "--dump-resource-usage", file.name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    registers, stack = re.search(r"REG:(\d+) STACK:(\d+)", told).groups()
    return SimpleNamespace(
        registers=int(registers),
        spilled=int(stack),
        shared=kernel.metadata.shared,
        asynchronous="cp.async" in kernel.asm["ptx"],
        loads=kernel.asm["ttir"].count("tt.load"),
        barriers=in_loops(kernel.asm["ptx"], "bar.sync"),
    )


def in_loops(ptx, instruction):
    """How many of them stand between a label and a jump back to it."""
    lines = ptx.splitlines()
    labels = {line.split(":")[0]: nth for nth, line in enumerate(lines)}
    found = set()
    for nth, line in enumerate(lines):
        target = line.split()[-1].rstrip(";") if "bra" in line else None
        found.update(range(labels.get(target, nth), nth))
    return sum(instruction in lines[nth] for nth in found)


def processor_seconds():
    """Of this process and of those that it started."""
    used = map(
        resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return sum(each.ru_utime + each.ru_stime for each in used)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("--only", default="", help="part of a case's name")
    options = parser.parse_args()
    every = options.all
    triton.knobs.compilation.always_compile = every
    cases = [
        (record_hadamard, every_case() if every else QUICK),
        (record_product, every_product() if every else QUICK_PRODUCTS),
    ]
    if importlib.util.find_spec("jax_triton"):
        on_jax = every_case_on_jax() if every else QUICK_ON_JAX
        cases.append((record_on_jax, on_jax))
    rows = []
    for record, case in [(r, case) for r, some in cases for case in some]:
        if options.only not in ", ".join(map(str, case)):
            continue
        for launch, capability in itertools.product(
            record(*case), CAPABILITIES
        ):
            start = processor_seconds()
            kernel = compiled(*launch, capability)
            seconds = processor_seconds() - start
            found = resources(kernel)
            row = {
                "case": list(case),
                "backend": "jax" if record is record_on_jax else "torch",
                "kernel": launch[0].fn.__name__,
                "capability": capability,
                "warps": launch[3]["num_warps"],
                **vars(found),
            }
            rows.append(row)
            if every:
                print(f"{seconds:.1f} s", *row.values(), flush=True)
    if not every:
        print(json.dumps(rows))


if __name__ == "__main__":
    main()
