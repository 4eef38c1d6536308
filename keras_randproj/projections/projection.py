"""The layer that holds a fixed random matrix."""

from collections.abc import Callable
from collections.abc import Sequence
from typing import Any
from typing import Self

import keras
import numpy as np

from keras_randproj import divided
from keras_randproj import kernels
from keras_randproj import matrices
from keras_randproj._types import Config
from keras_randproj._types import Shape
from keras_randproj._types import Tensor
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.files import Record
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections.check_load import check_load
from keras_randproj.projections.held_matrix import HeldMatrix


@keras.saving.register_keras_serializable("keras_randproj")
class Projection(WholeLayer):
    """A fixed random matrix P as a layer without trainable weights.

    Computes `x @ P / sqrt(input_dim)`, which keeps distances up to a small
    error (Johnson and Lindenstrauss, 1984). Files hold its seed, contract
    version and digest, never its entries; loading regenerates it, compares
    digests, and raises where they differ. Masks pass through unchanged.

    `Gaussian`, `Rademacher`, `SparseTernary`, `Orthogonal` and `Hadamard` are
    this layer with their family.

    Args:
        units: Positive integer, the number of outputs.
        seed: Integer in `[0, 2**64)`, or `None` to draw one, which the config
            then keeps.
        storage: `"dense"` keeps P as a non-trainable weight; `"seed"` keeps
            only the seed and regenerates P, block by block, in each call;
            `"packed"` keeps one bit per entry of rademacher, two of
            sparse_ternary, in an int32 weight.
        implementation: `None` for the fastest that can run, or its name.
        family: Name of a family, or a `matrices.Family`; `None` for the
            class's own.
        transposed: Boolean, whether P is the transpose of the matrix that
            the family makes.
        matrix: A `HeldMatrix` that other layers hold too, or its config;
            instead of seed, storage and family. `transposed()` and layers
            that share a projection set it.
        rows: `None`, or `units` integers in increasing order: output k is
            output `rows[k]` of a projection of the same seed with endlessly
            many. Not for orthogonal ones, whose outputs depend on how many
            there are.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above, or P would have more than
            `config.max_elements()` entries.

    Example:

    >>> layer = Projection(units=64, family="gaussian", seed=7)
    >>> layer(keras.ops.ones((2, 1000))).shape
    (2, 64)
    """

    family_class: type[matrices.Family] | None = None

    def __init__(
        self,
        units: int,
        seed: int | None = None,
        storage: str = "dense",
        implementation: str | None = None,
        family: FamilyLike | None = None,
        transposed: bool = False,
        matrix: HeldMatrix | Config | None = None,
        rows: Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units = positive_integer("units", units)
        self.implementation = kernels.check_implementation(implementation)
        self.is_transposed = bool(transposed)
        if isinstance(matrix, dict):
            matrix = keras.saving.deserialize_keras_object(matrix)
        if matrix is None:
            if family is None and self.family_class is not None:
                family = self.family_class()
            if rows is not None:
                family = matrices.get(family).choose(rows)
            # The sizes of a transposed matrix are known when it is built.
            named: Any = family  # `None` is refused there.
            matrix = HeldMatrix(named, self.units, resolve_seed(seed), storage)
        elif not isinstance(matrix, HeldMatrix):
            raise ValueError(
                "`matrix` must be the matrix of another projection. "
                f"Received: matrix={matrix!r}"
            )
        self.held = matrix
        self.input_dim: Any = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)
        matrix.holders.add(self)

    @property
    def family(self) -> matrices.Family:
        """The matrix's `matrices.Family`."""
        return self.held.family

    @property
    def seed(self) -> int:
        """The matrix's seed."""
        return self.held.seed

    @property
    def storage(self) -> str:
        """How the matrix is kept in memory."""
        return self.held.storage

    def build(self, input_shape: Shape) -> None:
        input_dim = last_dimension(self, input_shape)
        rows, cols = input_dim, self.units
        if self.is_transposed:
            rows, cols = cols, rows
            if self.held.operands is None and not self.held.is_shared:
                self.held.units = cols
        if cols != self.held.units:
            raise ValueError(
                f"{self.described} uses a matrix with {self.held.units} "
                f"columns and needs one with {cols}. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        divided.by_columns(self, "matrix")
        self.held.build(self, rows)
        self.input_dim = input_dim
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: input_dim}
        )

    def call(self, inputs: Tensor) -> Tensor:
        inputs = kernels.dense_float(inputs, self.compute_dtype)
        straight, turned = self.held.operands
        operand = turned if self.is_transposed else straight
        return kernels.modulate(
            [operand], inputs, [None], implementation=self.implementation
        )

    def materialize(self) -> np.ndarray:
        """The matrix that inputs are multiplied by, `1/sqrt(input_dim)` in it.

        Returns:
            float64 NumPy array `(input_dim, units)`.

        Raises:
            ValueError: If the layer is not built.
        """
        return self._built("materialize").materialize(self.is_transposed)

    def digest(self) -> str:
        """BLAKE2b-128 over the integers of P (see `CONTRACT.md`).

        Returns:
            String of 32 hexadecimal characters.

        Raises:
            ValueError: If the layer is not built.
        """
        return self._built("digest").digest()

    def set_seed(self, seed: int) -> None:
        """Replaces P by that of another seed, in all layers that share it.

        Args:
            seed: Integer in `[0, 2**64)`.

        Raises:
            ValueError: If `seed` is not as above.
        """
        self.held.set_seed(seed, self.described)

    def check_weights(self) -> None:
        """Refuses weights that are not what the seed gives.

        Raises:
            ValueError: If one was overwritten, by `set_weights` for example.
        """
        self.held.check_weights(self.described)

    def shared(self, name: str | None = None) -> Self:
        """One more layer that holds this matrix.

        Args:
            name: String, name of the new layer.

        Returns:
            A layer of this class, not built.
        """
        return type(self)(
            **self._family_argument(),
            units=self.units,
            implementation=self.implementation,
            transposed=self.is_transposed,
            matrix=self.held,
            dtype=self.dtype_policy,
            name=name,
        )

    def transposed(self, name: str | None = None) -> Self:
        """A layer that holds this matrix transposed.

        Args:
            name: String, name of the new layer.

        Returns:
            A layer of this class from `units` inputs to `input_dim` outputs,
            not built.

        Raises:
            ValueError: If this layer is not built.
        """
        rows, cols = self._built("transposed").shape
        turned = self.shared(name)
        turned.is_transposed = not self.is_transposed
        turned.units = rows if turned.is_transposed else cols
        return turned

    def _family_argument(self):
        """The argument that says of which family the matrix is."""
        return {} if self.family_class else {"family": self.family}

    def _built(self, method):
        if self.held.operands is None:
            raise ValueError(
                f"`{method}()` needs a built layer: call '{self.name}' on an "
                "input, or `build` it, first."
            )
        return self.held

    def quantize(
        self,
        mode: str | None = None,
        type_check: bool = True,
        config: Any = None,
    ) -> None:
        raise NotImplementedError(
            f"{self.described} is left as it is: it has no trained matrix "
            "to quantise. P is a function of its seed, and "
            "`storage='packed'`, `storage='seed'` and the hadamard family hold "
            f"it in less memory. Received: mode={mode}"
        )

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def record(self) -> Record:
        """What a file holds of this projection, a `files.Record`."""
        return Record(
            family=self.family.name,
            seed=self.seed,
            shape=self.held.shape,
            digest=self.digest(),
            options=self.family.options(),
            rows=self.family.rows,
        )

    def save_own_variables(self, store: Any) -> None:
        if self.built:
            self.check_weights()
            self.record().write(store)

    def read_own_variables(self, store: Any) -> Callable[[], None]:
        if not self.built:
            return super().read_own_variables(store)
        found = Record.read(store, self.described)
        held = self.held
        for name, here in (
            ("family", held.family.name),
            ("shape", held.shape),
            ("options", held.family.options()),
            ("rows", held.family.rows),
        ):
            there = getattr(found, name)
            if there != here:
                raise ValueError(
                    f"{self.described} has {name} {here!r}, but the file was "
                    f"written by a layer with {name} {there!r}. Build the "
                    f"layer with the file's {name}, or load the file it was "
                    "saved to."
                )
        digest = held.family.digest(found.seed, found.shape)
        if digest != found.digest:
            raise ValueError(
                f"{self.described}: the matrix regenerated from seed "
                f"{found.seed} has digest {digest}, but the file recorded "
                f"{found.digest}. The file is damaged or was altered; its "
                "learned vectors do not belong to this matrix. Load an intact "
                "copy."
            )
        check_load(held, self, found.seed, store)

        def assign():
            if found.seed != held.seed:
                held.set_seed(found.seed, self.described)

        return assign

    def get_config(self) -> Config:
        config = {
            "units": self.units,
            "implementation": self.implementation,
            "transposed": self.is_transposed,
        }
        if self.held.is_shared:
            config["matrix"] = self.held.serialize()
        else:
            config.update(seed=self.seed, storage=self.storage)
            if self.family_class is None:
                config["family"] = matrices.serialize(self.family)
            elif self.family.rows is not None:
                config["rows"] = list(self.family.rows)
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config: Config) -> Self:
        # Files of development versions have it.
        config.pop("tie", None)
        return super().from_config(config)
