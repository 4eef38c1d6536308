"""A GPU of which there is only what the host does for it.

Triton compiles for an H100 and launches nothing; tensors are on the CPU. So
what a call costs the host can be measured, and what is launched be read.
"""

import contextlib
from unittest import mock

import triton
from triton.backends.compiler import GPUTarget
from triton.backends.driver import DriverBase

from keras_randproj.kernels.triton import hadamard
from keras_randproj.kernels.triton import hadamard_gradients
from keras_randproj.kernels.triton import product
from keras_randproj.kernels.triton import requirements

PROCESSORS, SHARED_BYTES, THREADS = 132, 232448, 1024


class Driver(DriverBase):
    """What Triton asks of a driver. `launched` lists what it would launch."""

    def __init__(self):
        self.utils = self
        self.launched = []
        self.keeps = True

    @classmethod
    def is_active(cls):
        return True

    def launcher_cls(self, source, metadata):
        return self.launch

    def launch(self, *arguments):
        if self.keeps:
            self.launched.append(arguments)

    def load_binary(self, name, kernel, shared, device):
        return object(), object(), 0, 0, THREADS

    def unload_module(self, module):
        pass

    def get_device_properties(self, device):
        return {"max_shared_mem": SHARED_BYTES}

    def get_current_device(self):
        return 0

    def get_current_stream(self, device):
        return 0

    def get_current_target(self):
        return GPUTarget("cuda", 90, 32)

    def map_python_to_cpp_type(self, kind):
        return kind

    def get_active_torch_device(self):
        return None

    def get_benchmarker(self):
        return None


@contextlib.contextmanager
def no_gpu():
    """Kernels take tensors on the CPU, and their launches do nothing."""
    driver = Driver()
    modules = hadamard, hadamard_gradients, product
    before = triton.runtime.driver._active
    triton.runtime.driver.set_active(driver)
    with contextlib.ExitStack() as stack:
        for module in modules:
            count = mock.patch.object(
                module, "processors", return_value=PROCESSORS
            )
            stack.enter_context(count)
        look = mock.patch.object(requirements, "_device", return_value=())
        stack.enter_context(look)
        requirements._remember.cache_clear()
        try:
            yield driver
        finally:
            requirements._remember.cache_clear()
            hadamard.launcher.cache_clear()
            hadamard_gradients.launcher.cache_clear()
            product.launcher.cache_clear()
            triton.runtime.driver._active = before
