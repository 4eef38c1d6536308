"""Launches on torch that cost the host little.

`kernel[grid](...)` binds its arguments by name, looks at each of them and
writes a key of text to find the compiled kernel, in every call: for a kernel
of 30 arguments that is more than all else that a layer does. Here a shorter
key finds the same compiled kernel, which then is what is called.
"""

import operator
from typing import Any

import torch
from triton.compiler import CompiledKernel

# Compiled kernels, and what puts further arguments in their order.
_compiled: dict[tuple, tuple[Any, Any]] = {}
# Programs that see ever new batch sizes begin again.
MOST_COMPILED = 4096
# Triton compiles for pointers to multiples of it.
ALIGNED = 16


def run(kernel, grid, tensors, arguments, options):
    """`kernel[grid](*tensors, **arguments, **options)`, where the tensors are.

    Args:
        kernel: A function of Triton.
        grid: Three numbers of programs.
        tensors: Its first arguments, tensors or tuples of them.
        arguments: All others but the compiler's options, by name.
        options: Dict, the compiler's.
    """
    index = tensors[0].device.index
    if index is None or index == torch.cuda.current_device():
        _run(kernel, grid, tensors, arguments, options, index)
    else:
        with torch.cuda.device(index):
            _run(kernel, grid, tensors, arguments, options, index)


def _run(kernel, grid, tensors, arguments, options, index):
    kinds = []
    for each in tensors:
        for tensor in each if type(each) is tuple else (each,):
            kinds.append(tensor.dtype)
            kinds.append(tensor.data_ptr() % ALIGNED == 0)
        kinds.append(None)
    key = (
        id(kernel),
        index,
        *kinds,
        *arguments,
        *arguments.values(),
        *options.values(),
    )
    found = _compiled.get(key)
    if found is not None:
        compiled, ordered = found
        compiled[grid](*tensors, *ordered(arguments))
        return
    compiled = kernel[grid](*tensors, **arguments, **options)
    # The interpreter compiles nothing.
    if isinstance(compiled, CompiledKernel):
        if len(_compiled) >= MOST_COMPILED:
            _compiled.clear()
        names = kernel.arg_names[len(tensors) :]
        _compiled[key] = compiled, operator.itemgetter(*names)
