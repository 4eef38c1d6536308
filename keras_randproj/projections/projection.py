"""The base of all projections: a fixed matrix, known by its seed."""

import math
import random
import weakref
from typing import Any

import keras

from keras_randproj import config as settings
from keras_randproj import kernels
from keras_randproj.arguments import last_dimension
from keras_randproj.arguments import one_of
from keras_randproj.arguments import positive_integer
from keras_randproj.arguments import resolve_seed
from keras_randproj.arguments import seed_integer
from keras_randproj.distribution import matrices
from keras_randproj.projections.record import Record
from keras_randproj.stores import check_sizes

# The latest projection that was made with each `tie`: where a transposed
# projection finds its source when a model is cloned or loaded.
holders: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


class Projection(keras.layers.Layer):
    """A fixed random matrix P as a layer without trainable weights.

    Computes `x @ P / sqrt(input_dim)`, which keeps distances up to a small
    error (Johnson and Lindenstrauss, 1984). Files hold its seed, contract
    version and digest, never its entries; loading makes it again, compares
    digests, and raises where they differ. Masks pass through unchanged.

    This is the base class: use `Gaussian`, `Rademacher`, `SparseTernary`,
    `Orthogonal` or `Hadamard`. A subclass names its `family` and implements
    `natural_matrix`, `digest_of`, `operand`, `build_weights` and
    `fresh_weights`.

    Args:
        units: Positive integer, the number of outputs. `None` makes a
            template: a family with its options, which a layer such as
            `PRPDense` completes with its own units and seed.
        seed: Integer in `[0, 2**64)`, or `None` to draw one, which the config
            then keeps.
        storage: `"dense"` keeps P as a non-trainable weight; `"seed"` keeps
            only the seed and makes P again, block by block, in each call;
            `"packed"` keeps one bit an entry of `Rademacher`, two of
            `SparseTernary`, in an int32 weight.
        implementation: `None` for the fastest that can run, or its name.
        tie: String set by `transposed()`; leave it out.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.

    Raises:
        ValueError: If an argument is not as above, or P would have more than
            `config.max_elements()` entries.
    """

    family: str = ""
    storages: tuple[str, ...] = ("dense", "seed")

    def __init__(
        self,
        units=None,
        seed=None,
        storage="dense",
        implementation=None,
        tie=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.units = None if units is None else positive_integer("units", units)
        if seed is not None or units is not None:
            seed = resolve_seed(seed)
        self.seed = seed
        self.storage = one_of("storage", storage, self.storages)
        self.implementation = kernels.check_implementation(implementation)
        self.tie = tie
        if tie is not None:
            holders[tie] = self
        self.owned = False
        self.input_dim: Any = None
        self._refusal: str | None = None
        self.supports_masking = True
        self.input_spec = keras.layers.InputSpec(min_ndim=2)

    # What a family implements.

    def options(self):
        """The family's own options, as in its config."""
        return {}

    def natural_matrix(self):
        """float64 array `(input_dim, units)` at unit variance."""
        raise NotImplementedError

    def digest_of(self, seed, shape):
        """The digest of the matrix of this seed and shape."""
        raise NotImplementedError

    def operand(self):
        """This matrix as one of `kernels.operands`."""
        raise NotImplementedError

    def build_weights(self):
        """Creates the non-trainable weights."""
        raise NotImplementedError

    def fresh_weights(self):
        """Pairs of a weight and its `SeededInitializer`."""
        raise NotImplementedError

    @staticmethod
    def inner_width(input_dim, units):
        """Features between stages where several follow each other."""
        return max(input_dim, units)

    def check_weights(self):
        """Refuses weights that are not what the seed gives."""
        for weight, initializer in self.fresh_weights():
            value = initializer.like(weight)
            if not bool(keras.ops.all(keras.ops.equal(weight, value))):
                raise self.overwritten(weight)

    # What they all share.

    def build(self, input_shape):
        if self.units is None:
            raise ValueError(
                f"Layer '{self.name}' is a template without `units`, and can "
                "only be passed to a layer that completes it. "
                f"Received: units={self.units}"
            )
        self.input_dim = last_dimension(self, input_shape)
        settings.check_elements(self.matrix_shape, f"Layer '{self.name}'")
        matrices.by_columns(self, "matrix")
        self.build_weights()
        self.input_spec = keras.layers.InputSpec(
            min_ndim=2, axes={-1: self.input_dim}
        )

    def call(self, inputs):
        return self.modulate(inputs)

    def modulate(self, inputs, alpha=None, scale=None, bias=None, before=()):
        """`scale * (P^T (alpha * inputs)) / sqrt(input_dim) + bias`.

        Args:
            inputs: Tensor `(batch, ..., input_dim)`, of the first projection
                where several follow each other.
            alpha: Tensor `(input_dim,)`, or `None` for ones; a tensor where
                other projections come before.
            scale: Tensor `(units,)`, or `None` for ones.
            bias: Tensor `(units,)`, or `None` for zeros.
            before: Pairs `(projection, alpha)` of what comes before.

        Returns:
            Tensor `(batch, ..., units)`.
        """
        if not keras.backend.is_float_dtype(inputs.dtype):
            inputs = keras.ops.cast(inputs, self.compute_dtype)
        if any(p.implementation != self.implementation for p, _ in before):
            for projection, inner in before:
                inputs = projection.modulate(inputs, inner)
            before = ()
        stages = [*before, (self, alpha)]
        return kernels.modulate_stages(
            [projection.operand() for projection, _ in stages],
            inputs,
            [inner for _, inner in stages],
            scale,
            bias,
            self.implementation,
        )

    def materialize(self):
        """The matrix that inputs are multiplied by, `1/sqrt(input_dim)` in it.

        Returns:
            float64 NumPy array `(input_dim, units)`.
        """
        self._require_built("materialize")
        return self.natural_matrix() / math.sqrt(self.input_dim)

    def digest(self):
        """BLAKE2b-128 over the integers of P (see `CONTRACT.md`).

        Returns:
            String of 32 hexadecimal characters.
        """
        self._require_built("digest")
        return self.digest_of(self.seed, self.matrix_shape)

    def set_seed(self, seed):
        """Replaces P by that of another seed.

        Args:
            seed: Integer in `[0, 2**64)`.
        """
        self.seed = seed_integer(seed)
        if self.built:
            for weight, initializer in self.fresh_weights():
                weight.assign(initializer.like(weight))

    @property
    def matrix_shape(self):
        """`(rows, cols)` of the matrix as the family makes it."""
        return self.input_dim, self.units

    def transposed(self):
        """This matrix transposed, as a projection that shares its weights.

        Returns:
            A `Transposed` projection from `units` inputs to `input_dim`
            outputs.
        """
        from keras_randproj.projections.transposed import Transposed

        self._require_built("transposed")
        return Transposed(self.input_dim, source=self, name=self.name)

    def shared(self):
        """This projection for one more owner, with the same weights.

        Returns:
            Itself the first time, then `Shared` projections: each owner
            writes a recipe of its own into files.
        """
        from keras_randproj.projections.shared import Shared

        if self.owned:
            return Shared(self.units, source=self, name=self.name)
        self.owned = True
        return self

    def require_tie(self):
        """Gives it the name by which copies find their source again."""
        if self.tie is None:
            self.tie = f"{random.getrandbits(64):016x}"
            holders[self.tie] = self

    def quantize(self, mode=None, type_check=True, config=None):
        raise NotImplementedError(
            f"Layer '{self.path}' is left as it is: it has no trained matrix "
            "to quantise. P is a function of its seed, and "
            "`storage='packed'`, `storage='seed'` and the hadamard family hold "
            f"it in less memory. Received: mode={mode}"
        )

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.units)

    def record(self):
        """What a file holds of this projection."""
        return Record(
            family=self.family,
            seed=self.seed,
            shape=self.matrix_shape,
            digest=self.digest(),
            options=self.options(),
        )

    def save_own_variables(self, store):
        if not self.built:
            return
        self.check_weights()
        self.record().write(store)

    def load_own_variables(self, store):
        try:
            self._load(store)
        except ValueError as error:
            # Keras tries a layer that failed again under its other names,
            # where the file holds nothing: the first reason is the one.
            if store.keys():
                self._refusal = str(error)
            raise ValueError(self._refusal or str(error)) from None
        self._refusal = None

    def _load(self, store):
        owner = f"Layer '{self.path}'"
        check_sizes(store, owner)
        if not self.built:
            if store.keys():
                raise ValueError(f"{owner} must be built before it is loaded.")
            return
        found = Record.read(store, owner)
        for name, here in (
            ("family", self.family),
            ("shape", self.matrix_shape),
            ("options", self.options()),
        ):
            there = getattr(found, name)
            if there != here:
                raise ValueError(
                    f"{owner} has {name} {here!r}, but the file was written by "
                    f"a layer with {name} {there!r}. Build the layer with the "
                    f"file's {name}, or load the file it was saved to."
                )
        digest = self.digest_of(found.seed, found.shape)
        if digest != found.digest:
            raise ValueError(
                f"{owner}: the matrix regenerated from seed {found.seed} has "
                f"digest {digest}, but the file recorded {found.digest}. The "
                "file is damaged or was altered; its learned vectors do not "
                "belong to this matrix. Load an intact copy."
            )
        if found.seed != self.seed:
            self.set_seed(found.seed)

    def get_config(self):
        config = {
            "units": self.units,
            "seed": self.seed,
            "storage": self.storage,
            "implementation": self.implementation,
            "tie": self.tie,
        }
        return {**super().get_config(), **config, **self.options()}

    def _require_built(self, name):
        if not self.built:
            raise ValueError(
                f"`{name}()` needs a built layer: call '{self.name}' on an "
                "input, or `build` it, first."
            )

    def overwritten(self, weight):
        """The error for a weight that does not belong to the seed."""
        return ValueError(
            f"Layer '{self.path}': the weight '{weight.name}' is not what "
            f"seed {self.seed} gives. It was overwritten by a route that does "
            "not carry the seed (`set_weights`, a torch `state_dict`, a "
            "legacy `.h5` file, Orbax). Give the layer the seed of the model "
            "that the weights came from, with `set_seed`."
        )
