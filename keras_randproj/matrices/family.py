"""A family of matrices: what a seed and a shape mean."""

import copy
import hashlib
import sys
from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Self

import numpy as np

from keras_randproj.matrices.chosen_rows import Rows
from keras_randproj.matrices.chosen_rows import check_rows
from keras_randproj.matrices.tiles import Span


class Family:
    """A rule that turns a seed and a shape into a matrix.

    A family is a value: it has options and no state, and two families with
    the same name and options are equal. A family of your own is a subclass
    with a `name` and a `matrix` function, made known by `register`; where its
    entries are read off random bits, derive it from `TiledFamily`.

    Attributes:
        name: String by which layers and files know the family.
        option_types: The options that a file may give, by name: `bool`,
            `int`, `float` or `str`. A family with options names them here.
        storages: The values of `storage` that a layer may use with it.
        divisible: Whether `block` makes a part of a matrix in less time and
            memory than the whole.
        endless: Whether no entry depends on how many outputs there are, so
            that outputs can be chosen.
        rows: The outputs that are chosen, by their numbers; `None` for the
            first ones.

    Example:

    >>> family = matrices.get("rademacher")
    >>> family.matrix(seed=7, shape=(2, 3))
    array([[-1., -1.,  1.],
           [-1.,  1., -1.]])
    >>> family == matrices.Rademacher()
    True
    """

    name: str = ""
    option_types: Mapping[str, type] = {}
    storages: tuple[str, ...] = ("dense",)
    divisible: bool = False
    endless: bool = False
    rows: Rows | None = None

    def choose(self, rows: Iterable[int]) -> Self:
        """This family, with some outputs of its endless matrix.

        Output k is output `rows[k]` of the family without a choice: that
        column of P, or row of P^T. A matrix has as many as there are `rows`.

        Args:
            rows: Integers in `[0, 2**31)`, each larger than the one before.

        Returns:
            A family.

        Raises:
            ValueError: If they are not, or entries of the family depend on
                how many outputs there are.

        Example:

        >>> family = matrices.get("rademacher").choose([0, 2])
        >>> family.matrix(seed=7, shape=(2, 2))
        array([[-1.,  1.],
               [-1., -1.]])
        """
        if not self.endless:
            raise ValueError(
                f"Outputs of the family {self.name!r} cannot be chosen: its "
                f"entries depend on how many there are. Received: rows={rows}"
            )
        chosen = copy.copy(self)
        chosen.rows = check_rows(rows)
        # Words of packed matrices hold the first columns.
        chosen.storages = tuple(s for s in self.storages if s != "packed")
        return chosen

    def options(self) -> dict[str, Any]:
        """The arguments that make this family again, as JSON values."""
        return {}

    @classmethod
    def from_options(cls, options: Mapping[str, Any]) -> Self:
        """The family with the options of a file, which is not trusted.

        Only what `option_types` names reaches the constructor, and only with
        values of those types.

        Args:
            options: What `options()` returned when the file was written.

        Returns:
            A family.

        Raises:
            ValueError: If an option is missing, unknown or of another type,
                or the constructor refuses its value.
        """
        same_names = set(options) == set(cls.option_types)
        if not same_names or not all(
            _is_a(value, cls.option_types[name])
            for name, value in options.items()
        ):
            wanted = {name: t.__name__ for name, t in cls.option_types.items()}
            raise ValueError(
                f"The family {cls.name!r} has the options {wanted}. "
                f"Received: {dict(options)!r}"
            )
        return cls(**options)

    def matrix(self, seed: int, shape: tuple[int, int]) -> np.ndarray:
        """The matrix at unit variance.

        Args:
            seed: Integer in `[0, 2**64)`.
            shape: `(input_dim, units)`.

        Returns:
            float64 array of that shape.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must implement `matrix(seed, shape)`."
        )

    def block(
        self,
        seed: int,
        shape: tuple[int, int],
        rows: Span,
        cols: Span,
        dtype: Any = "float32",
    ) -> np.ndarray:
        """A part of the matrix of this seed and shape.

        Args:
            seed: Integer in `[0, 2**64)`.
            shape: `(input_dim, units)` of the whole matrix.
            rows: `(start, stop)`.
            cols: `(start, stop)`.
            dtype: NumPy dtype of the result.

        Returns:
            Array `(stop - start, stop - start)`.
        """
        whole = self.matrix(seed, shape)
        return whole[slice(*rows), slice(*cols)].astype(dtype)

    def digest(self, seed: int, shape: tuple[int, int]) -> str:
        """BLAKE2b-128 of what the matrix is made of.

        Returns:
            String of 32 hexadecimal characters. Unless a family says
            otherwise, of the entries as little-endian float32, row by row.
        """
        entries = self.matrix(seed, shape).astype("<f4")
        return hashlib.blake2b(entries.tobytes(), digest_size=16).hexdigest()

    def inner_width(self, input_dim: int, units: int) -> int:
        """Features between the stages of a layer that has several."""
        return max(input_dim, units)

    def cost(self, shape: tuple[int, int]) -> int:
        """The work of making a matrix, counted in entries."""
        return shape[0] * shape[1]

    def digest_cost(self, shape: tuple[int, int]) -> int:
        """The work of `digest`, counted in entries."""
        return self.cost(shape)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Family):
            return NotImplemented
        mine, theirs = self.options(), other.options()
        same = type(self) is type(other) and self.rows == other.rows
        return same and mine == theirs

    def __hash__(self) -> int:
        return hash((type(self), self.rows, *sorted(self.options().items())))

    def __repr__(self) -> str:
        options = ", ".join(f"{k}={v!r}" for k, v in self.options().items())
        chosen = "" if self.rows is None else f".choose({list(self.rows)})"
        return f"{type(self).__name__}({options}){chosen}"


def _is_a(value, kind):
    """Whether a JSON value is of a type; an integer is a float, a bool none."""
    if kind is float:
        number = isinstance(value, (int, float)) and type(value) is not bool
        return number and abs(value) <= sys.float_info.max
    return type(value) is kind
