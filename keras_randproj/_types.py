"""Names for what annotations say often."""

from collections.abc import Callable
from typing import Any
from typing import TypeAlias

# A tensor of the backend, a symbolic one, or an array. Keras and the
# frameworks are not typed well enough to tell them apart.
Tensor: TypeAlias = Any
Shape: TypeAlias = tuple[int | None, ...]
Config: TypeAlias = dict[str, Any]
# What `keras.activations.get`, `initializers.get` and their kind take.
Identifier: TypeAlias = str | dict[str, Any] | Callable[..., Any]
