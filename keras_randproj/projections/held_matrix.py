"""A matrix in memory, as one layer or several hold it."""

import math
import weakref
from dataclasses import replace
from typing import Any
from typing import Self

import keras
import ml_dtypes
import numpy as np

from keras_randproj import config as settings
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj._types import Config
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import seed_integer
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.matrices import packing
from keras_randproj.matrices.hadamard import row_of_h
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections.check_storage import check_storage
from keras_randproj.projections.seeded_initializer import SeededInitializer

# What two machines' QR of the same matrix may differ by, at unit variance.
QR_TOLERANCE = 1e-3

# Weights that are numbers of outputs or bits, whatever the dtype policy.
INTEGERS = ("positions", "key", "rows", "words")


@keras.saving.register_keras_serializable("keras_randproj")
class HeldMatrix:
    """A matrix by its recipe, and the weights that keep it in memory.

    The layers that share a matrix hold one object of this class, and each of
    them lists its weights as its own. Keras restores the sharing where it
    saves or copies layers together.

    Args:
        family: `matrices.Family`, or its config.
        units: Positive integer, columns of the matrix.
        seed: Integer in `[0, 2**64)`.
        storage: `"dense"`, `"seed"` or `"packed"`.

    Raises:
        ValueError: If the family has no such storage.
    """

    def __init__(
        self,
        family: FamilyLike,
        units: int,
        seed: int,
        storage: str = "dense",
    ) -> None:
        self.family: Any = matrices.get(family)
        self.units = positive_integer("units", units)
        self._check_rows()
        self.seed = seed_integer(seed)
        self.storage = check_storage(self.family, storage)
        self.input_dim: Any = None
        self.weights: dict[str, Any] = {}
        # As it is and transposed; made once, as a layer's call would pay.
        self.operands: Any = None
        self.holders: weakref.WeakSet = weakref.WeakSet()
        # The file that a holder loads from, and the seed found there.
        self.claim: Any = None

    def _check_rows(self):
        rows = self.family.rows
        if rows is not None and len(rows) != self.units:
            raise ValueError(
                "There must be as many `rows` as columns of the matrix. "
                f"Received: {len(rows)} rows, {self.units} columns"
            )

    @property
    def shape(self) -> tuple[int, int]:
        """`(input_dim, units)`."""
        return self.input_dim, self.units

    @property
    def is_shared(self) -> bool:
        """Whether several built layers hold it."""
        return sum(layer.built for layer in self.holders) > 1

    def digest(self) -> str:
        """BLAKE2b-128 over the integers of the matrix."""
        return self.family.digest(self.seed, self.shape)

    def build(self, layer: WholeLayer, input_dim: int) -> None:
        """Makes the weights, unless another layer has done so.

        Args:
            layer: The layer that holds the matrix and adds the weights.
            input_dim: Positive integer, rows of the matrix.

        Raises:
            ValueError: If it was built for another size, or is too large.
        """
        if self.operands is None:
            settings.charge(
                self.family, (input_dim, self.units), layer.described
            )
            self.input_dim = input_dim
            self._make_weights(layer)
        elif input_dim != self.input_dim:
            raise ValueError(
                f"{layer.described} shares a matrix of {self.input_dim} x "
                f"{self.units} and needs one of {input_dim} x {self.units}. "
                f"Received: input_dim={input_dim}"
            )
        for name, weight in self.weights.items():
            setattr(layer, name, weight)

    def _make_weights(self, layer):
        rows, cols = self.shape
        weights, add = {}, self._initializer
        if isinstance(self.family, matrices.Hadamard):
            order, groups = self.family.layout(self.shape)
            shapes: dict[str, Any] = {"signs": (groups, order)}
            if self.family.rows is not None or cols % order:
                shapes["positions"] = (cols,)
        elif self.storage == "seed":
            shapes = {"key": (4,)}
            if self.family.rows is not None:
                shapes["rows"] = (cols,)
        elif self.storage == "packed":
            each = packing.WORD_BITS // packing.digit_bits(self.family.spec())
            shapes = {"words": (-(-rows // each), cols)}
        else:
            shapes = {"matrix": (rows, cols)}
        for name, shape in shapes.items():
            dtype = "int32" if name in INTEGERS else None
            if name == "matrix" and _is_exact(self.family, layer.compute_dtype):
                # Else a call would cast it, and keep that copy as well.
                dtype = layer.compute_dtype
            # Kernels read signs of any dtype: there they need no cast.
            autocast = name != "signs"
            weights[name] = add(name).add_weight(
                layer, name, shape, dtype, autocast
            )
        self.weights = weights
        straight = self._operand()
        self.operands = straight, straight.transpose()

    def _operand(self):
        """The matrix as one of `kernels.operands`."""
        rows, cols = self.shape
        weights = self.weights
        if "signs" in weights:
            return kernels.SignedHadamard(
                rows,
                cols,
                signs=weights["signs"],
                positions=weights.get("positions"),
                crowded=self._crowds(self.seed),
                seed=self.seed,
                chosen=self.family.rows,
            )
        if "matrix" in weights:
            return kernels.StoredMatrix(rows, cols, matrix=weights["matrix"])
        spec = self.family.spec()
        if "key" in weights:
            if "rows" in weights:
                return kernels.ChosenTiles(
                    rows,
                    cols,
                    spec=spec,
                    key=weights["key"],
                    chosen=weights["rows"],
                )
            levels, size = kernels.law(spec)
            return kernels.SeededTiles(
                rows,
                cols,
                spec=spec,
                key=weights["key"],
                levels=levels,
                size=size,
            )
        return kernels.PackedMatrix(
            rows,
            cols,
            words=weights["words"],
            bits=packing.digit_bits(spec),
            size=float(spec.values.max()),
        )

    def _initializer(self, name):
        """What fills the weight of this name."""
        block = getattr(self, f"_{name}")
        return SeededInitializer(block, divisible=self.family.divisible)

    def _signs(self, spans, dtype):
        groups, inputs = spans
        signs = self.family.entries(self.seed, inputs, groups)
        return np.ascontiguousarray(signs.T)

    def _positions(self, spans, dtype):
        chosen: Any = self.family.positions(self.seed, self.shape)
        return chosen[slice(*spans[0])]

    def _rows(self, spans, dtype):
        return np.array(self.family.rows[slice(*spans[0])], "int32")

    def _key(self, spans, dtype):
        """The seed as four 16-bit limbs, lowest first."""
        limbs = [self.seed >> shift & 0xFFFF for shift in (0, 16, 32, 48)]
        return np.array(limbs, "int32")[slice(*spans[0])]

    def _words(self, spans, dtype):
        spec = self.family.spec()
        return packing.pack(spec, self.seed, self.input_dim, *spans)

    def _matrix(self, spans, dtype):
        rows, cols = spans
        return self.family.block(
            self.seed, self.shape, rows, cols, dtype or "float32"
        )

    def _crowds(self, seed):
        """`kernels.crowded`; False where no outputs are chosen or many are."""
        order, groups = self.family.layout(self.shape)
        chosen = self.family.positions(seed, self.shape)
        if chosen is None or groups > 1:
            return False
        return kernels.crowded(row_of_h(chosen, order), order)

    def set_seed(self, seed: int, owner: str) -> None:
        """Replaces the matrix by that of another seed, for all holders.

        Args:
            seed: Integer in `[0, 2**64)`.
            owner: Who asks, for messages: "Layer 'prp_dense/projection'".

        Raises:
            ValueError: If `seed` is not as above, or the outputs that it
                chooses do not fit what calls were compiled for.
        """
        seed = seed_integer(seed)
        self.check_room(seed, owner)
        self.seed = seed
        for name, weight in self.weights.items():
            weight.assign(self._initializer(name).like(weight))
        if "signs" in self.weights:
            straight = replace(self.operands[0], seed=seed)
            self.operands = straight, straight.transpose()

    def check_room(self, seed: int, owner: str) -> None:
        """Refuses one seed in a million of a hadamard with chosen outputs."""
        chosen = "positions" in self.weights
        if not chosen or self.operands[0].crowded or not self._crowds(seed):
            return
        raise ValueError(
            f"{owner}: the outputs that this seed chooses lie so close "
            "together that calls compiled for the layer cannot compute them. "
            "Build the layer with this seed, or load the whole model. "
            f"Received: seed={seed}"
        )

    def check_weights(self, owner: str) -> None:
        """Refuses weights that are not what the seed gives.

        Args:
            owner: Who asks, for messages.

        Raises:
            ValueError: If one was overwritten.
        """
        for name, weight in self.weights.items():
            if isinstance(self.family, matrices.Orthogonal):
                same = self._is_orthogonal(weight)
            else:
                value = self._initializer(name).like(weight)
                same = bool(keras.ops.all(keras.ops.equal(weight, value)))
            if not same:
                raise ValueError(
                    f"{owner}: the weight '{weight.name}' is not what seed "
                    f"{self.seed} gives. It was overwritten by a route that "
                    "does not carry the seed (`set_weights`, a torch "
                    "`state_dict`, a legacy `.h5` file, Orbax). Give the "
                    "layer the seed of the model that the weights came from, "
                    "with `set_seed`."
                )

    def _is_orthogonal(self, weight):
        """Compares the one direction that needs no QR: the first."""
        first = self.family.first_direction(self.seed, self.shape)
        rows, cols = self.shape
        here = weight[:, 0] if rows >= cols else weight[0]
        here = keras.ops.convert_to_numpy(keras.ops.cast(here, "float32"))
        rounding = float(ml_dtypes.finfo(weight.dtype).eps)
        tolerance = max(QR_TOLERANCE, rounding)
        return np.allclose(here, first, rtol=tolerance, atol=tolerance)

    def natural(self) -> np.ndarray:
        """float64 array of the matrix, at unit variance."""
        return self.family.matrix(self.seed, self.shape)

    def materialize(self, transposed: bool) -> np.ndarray:
        """The matrix that inputs are multiplied by, its factor included."""
        matrix = self.natural()
        matrix = matrix.T if transposed else matrix
        return matrix / math.sqrt(len(matrix))

    def serialize(self) -> Config:
        """The config that each layer which shares the matrix holds of it.

        Keras numbers an object that it meets twice, and restores it once for
        all configs of one number that it loads or copies together. It copies
        nested configs before it sees the second, so the number is set here.
        """
        config = keras.saving.serialize_keras_object(self)
        return {**config, "shared_object_id": id(self)}

    def get_config(self) -> Config:
        return {
            "family": matrices.serialize(self.family),
            "units": self.units,
            "seed": self.seed,
            "storage": self.storage,
        }

    @classmethod
    def from_config(cls, config: Config) -> Self:
        return cls(**config)


def _is_exact(family, dtype):
    """Whether a dtype holds the entries of a family as they are."""
    if not isinstance(family, matrices.TiledFamily):
        return False
    entries = family.spec().values
    return np.array_equal(entries.astype(dtype).astype("float32"), entries)
