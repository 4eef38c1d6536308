"""One vector for the whole model, spread over the factors of updates."""

from typing import Any

import numpy as np
from keras import ops

from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj import projections
from keras_randproj.adapters.forms.form import Form
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed


class SeededUpdate(Form):
    """Learns one vector for all its layers, of any size.

    Every layer's output, before its activation, gets `(x (a0 + a)) b`, where
    a0 (rows x rank) is a gaussian projection of a seed. The entries of all a
    and b, layer after layer, are the learned vector spread over them by an
    isometric map of a seed: each is an entry of the vector, with a random
    sign, divided by the root of how often the entry is used. At zero the
    layers are unchanged, and the vector has a gradient.

    All layers to which `attach` gives this form share the vector.
    `keras.models.clone_model` gives each layer of a copy one of its own; a
    pickled or saved model shares it.

    Args:
        size: Positive integer, how many numbers are learned.
        rank: Positive integer, of every layer's update.
        seed: Integer in `[0, 2**64)`, or `None` to draw one.
        lr_multiplier: Positive float, see `Modulation`.

    Raises:
        ValueError: If an argument is not as above.

    Reference:
        Li et al., "Uni-LoRA: One vector is all you need", arXiv 2506.00799.

    Example:

    >>> SeededUpdate(size=1024, rank=4, seed=7).size
    1024
    """

    argument_types = {
        "size": int,
        "rank": int,
        "seed": int,
        "lr_multiplier": float,
    }
    kinds = ("Dense", "EinsumDense")

    def __init__(
        self,
        size: int = 1024,
        rank: int = 4,
        seed: int | None = None,
        lr_multiplier: float = 10.0,
    ) -> None:
        super().__init__(lr_multiplier)
        self.size = positive_integer("size", size)
        self.rank = positive_integer("rank", rank)
        self.seed = resolve_seed(seed)

    def vectors(self, layer: Any) -> dict[str, tuple[int, ...]]:
        return {}

    def shared_size(self) -> int:
        return self.size

    def check(self, sizes: Any) -> None:
        if self.rank > min(sizes.matrix_shape):
            raise ValueError(
                f"`rank` must not exceed a side of a kernel of "
                f"{sizes.matrix_shape}. Received: rank={self.rank}"
            )

    def places(self, sizes: Any) -> int:
        """How many entries a layer's factors have."""
        return self.rank * sum(sizes.matrix_shape)

    def spread_seed(self) -> int:
        """The seed of the map from the vector to the factors."""
        return matrices.derive_seed(self.seed, 1)

    def projections(self, layer: Any) -> dict[str, tuple[Any, int]]:
        a0 = projections.get(
            "gaussian",
            self.rank,
            seed=matrices.derive_seed(self.seed, 0),
            dtype=layer.compute_dtype,
        )
        return {"a0": (a0, layer.matrix_shape[0])}

    def after(self, layer: Any, y: Any, x: Any, values: dict) -> Any:
        a, b = self._factors(layer, values)
        # One product with both: the input is what takes time to read.
        (a0,) = values["a0"].weights
        a0 = ops.cast(a0, a.dtype) * layer.matrix_shape[0] ** -0.5
        a = kernels.scale_and_shift(
            a, None, ops.transpose(a0), layer.adapter.in_place
        )
        low = layer.multiply_transposed(x, a)
        return layer.add_product(y, low, b)

    def fold(
        self, layer: Any, kernel: np.ndarray, bias: np.ndarray, values: dict
    ) -> tuple[np.ndarray, np.ndarray]:
        vector = ops.convert_to_tensor(values["vector"], "float32")
        found = self._factors(layer, {**values, "vector": vector})
        a, b = map(ops.convert_to_numpy, found)
        return kernel + (values["a0"].materialize() + a.T) @ b, bias

    def signed(self, vector: Any, roots: Any) -> Any:
        """The numbers that factors are made of: the vector's, and minus them.

        A sign is where to look: that takes no product of all entries.
        """
        vector = vector * ops.cast(roots, vector.dtype)
        return ops.concatenate([vector, -vector], axis=-1)

    def arranged(self, sizes: Any, index: np.ndarray) -> np.ndarray:
        """The places of a layer's entries in the order of its computation.

        The map has a by rows, and the product reads it by columns.
        """
        rows, _ = sizes.matrix_shape
        a, b = np.split(index, [rows * self.rank])
        return np.concatenate([a.reshape(rows, self.rank).T.ravel(), b])

    def _factors(self, layer, values):
        """The transposed a, and b."""
        rows, cols = layer.matrix_shape
        # A bank looks it up once for all layers.
        signed = values.get("signed")
        if signed is None:
            signed = self.signed(values["vector"], values["roots"])
        index, split = values["index"], rows * self.rank
        lead = (-1,) * (len(signed.shape) - 1)
        both = kernels.take_last(signed, index, layer.adapter.scratch)
        return (
            kernels.reshape(both[..., :split], (*lead, self.rank, rows)),
            kernels.reshape(both[..., split:], (*lead, self.rank, cols)),
        )
