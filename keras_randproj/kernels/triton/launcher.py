"""Launches on torch that cost the host little.

`kernel[grid](...)` binds its arguments by name, looks at each of them and
writes a key of text to find the compiled kernel, in every call: for a kernel
of 30 arguments that is more than all else that a layer does.
"""

from typing import Any

import torch
from triton.compiler import CompiledKernel

# Triton compiles for addresses that are multiples of it, or not. The latter,
# of slices alone, take Triton's own way.
ALIGNED = 16
# Launchers that are kept; programs that see ever new batch sizes forget some.
MOST_LAUNCHERS = 1024


class Launcher:
    """`kernel[grid](*tensors, **arguments, **options)`, for ever new tensors.

    What is compiled depends on the dtypes of the tensors; the rest is fixed.

    Args:
        kernel: A function of Triton that takes the tensors first.
        grid: Three numbers of programs.
        arguments: All other arguments but the compiler's options, by name.
        options: Dict, the compiler's.
        device: `torch.device` of the tensors.
    """

    def __init__(self, kernel, grid, arguments, options, device):
        self.kernel = kernel
        self.grid = grid
        self.arguments = arguments
        self.options = options
        self.device = device
        self.compiled: dict[tuple, Any] = {}

    def __call__(self, *tensors):
        """Launches it on the current stream of the tensors' device.

        Args:
            *tensors: Tensors, or tuples of them.
        """
        index = self.device.index
        if index is None or index == torch.cuda.current_device():
            self._run(tensors)
        else:
            with torch.cuda.device(index):
                self._run(tensors)

    def _run(self, tensors):
        # Written out: it is much of what a launch costs.
        addresses, kinds = 0, []
        for each in tensors:
            if type(each) is tuple:
                kinds.append(len(each))
                for one in each:
                    addresses |= one.data_ptr()
                    kinds.append(one.dtype)
            else:
                addresses |= each.data_ptr()
                kinds.append(each.dtype)
        if addresses % ALIGNED:
            self._compile(tensors)
            return
        key = tuple(kinds)
        run = self.compiled.get(key)
        if run is None:
            run = self._compile(tensors)
            if run is not None:
                self.compiled[key] = run
        else:
            run(*tensors)

    def _compile(self, tensors):
        """Launches as Triton does, and returns what does it again."""
        compiled = self.kernel[self.grid](
            *tensors, **self.arguments, **self.options
        )
        # The interpreter compiles nothing.
        if not isinstance(compiled, CompiledKernel):
            return None
        names = self.kernel.arg_names[len(tensors) :]
        rest = [self.arguments[name] for name in names]
        run = compiled[self.grid]
        return lambda *tensors: run(*tensors, *rest)
