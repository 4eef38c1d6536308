"""What the machine offers, and what the interpreter stands in for."""

import functools

import torch

# Enough for the interpreter to split sums and loop over rows.
INTERPRETED_PROCESSORS = 2


@functools.cache
def processors(device):
    """Streaming multiprocessors of the device."""
    if device.type != "cuda":
        return INTERPRETED_PROCESSORS
    return torch.cuda.get_device_properties(device).multi_processor_count
