"""The projection layer of any family."""

from typing import Any

from keras_randproj import matrices
from keras_randproj.matrices.registry import FamilyLike
from keras_randproj.projections.gaussian import Gaussian
from keras_randproj.projections.hadamard import Hadamard
from keras_randproj.projections.orthogonal import Orthogonal
from keras_randproj.projections.projection import Projection
from keras_randproj.projections.rademacher import Rademacher
from keras_randproj.projections.sparse_ternary import SparseTernary

CLASSES = (Gaussian, Hadamard, Orthogonal, Rademacher, SparseTernary)


def get(family: FamilyLike, units: int, **arguments: Any) -> Projection:
    """The projection layer of a family.

    Args:
        family: Name of a family, its config, or a `matrices.Family`.
        units: Positive integer, the number of outputs.
        **arguments: Further arguments of the layer; with a name also the
            family's options.

    Returns:
        `Gaussian`, `Hadamard`, ... , or a `Projection` of a family of the
        user's own.

    Raises:
        ValueError: If there is no such family, or an argument is wrong.

    Example:

    >>> get("hadamard", units=64, seed=7).seed
    7
    """
    options = {}
    if isinstance(family, str) and "density" in arguments:
        options["density"] = arguments.pop("density")
    family = matrices.get(family, **options)
    for cls in CLASSES:
        if type(family) is cls.family_class:
            chosen = {"rows": family.rows}
            return cls(units, **{**family.options(), **chosen, **arguments})
    return Projection(units, family=family, **arguments)


def family_of(identifier: Any) -> matrices.Family:
    """`matrices.get`, which also takes the config of a layer without units.

    Files of development versions hold families in that form.

    Args:
        identifier: What `matrices.get` takes, or such a config.

    Returns:
        A `matrices.Family`.

    Raises:
        ValueError: If there is no such family.
    """
    if isinstance(identifier, dict) and "class_name" in identifier:
        config = identifier["config"]
        for cls in CLASSES:
            if cls.__name__ == identifier["class_name"]:
                kept = {"density"} & config.keys()
                return cls.family_class(**{name: config[name] for name in kept})
    return matrices.get(identifier)
