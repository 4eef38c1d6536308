"""Which layers a conversion replaces, and by what."""

import fnmatch
from collections.abc import Callable
from typing import Any

import keras

from keras_randproj.layers import EUGenDense
from keras_randproj.layers import PRPDense
from keras_randproj.layers.attention.parts import is_attention
from keras_randproj.transfer.attention import prp_attention


def to_prp(**options: Any) -> Callable[[Any], Any]:
    """For rules: dense layers and attention become PRP layers.

    A `Dense` or `EinsumDense` becomes a `PRPDense`, a
    `keras.layers.MultiHeadAttention` or `GroupQueryAttention` a
    `PRPMultiHeadAttention`.

    Args:
        **options: Arguments of `PRPDense` other than `units`, `activation`
            and `use_bias`, which are the replaced layer's. `seed` is the
            seed of the projections in attention too.

    Returns:
        A function from a Dense or attention layer to its replacement.

    Example:

    >>> make = to_prp(projection="hadamard", depth=3)
    >>> make(keras.layers.Dense(64, activation="relu")).depth
    3
    """

    def make(layer):
        if is_attention(layer):
            given = dict(options)
            if "seed" in given:
                given["projection_seed"] = given.pop("seed")
            return prp_attention(layer, **given)
        return PRPDense(
            layer.units,
            activation=layer.activation,
            use_bias=layer.use_bias,
            name=layer.name,
            dtype=layer.dtype_policy,
            **options,
        )

    make.takes_attention = True  # type: ignore[attr-defined]
    return make


def to_eugen(
    num_features: int, order: int = 2, unbiased: bool = False, **options: Any
) -> Callable[[Any], Any]:
    """For rules: a dense layer and its activation become a EUGen.

    Args:
        num_features: Positive integer, features of one block.
        order: Positive integer.
        unbiased: Boolean, whether the layer starts as the unbiased estimator
            (`EUGenDense.from_dense`) rather than with a random head.
        **options: Further arguments of `EUGenDense`, or of `from_dense`.

    Returns:
        A function from a Dense layer to its replacement.

    Example:

    >>> make = to_eugen(num_features=64, order=2)
    >>> make(keras.layers.Dense(32, activation="gelu")).units
    32
    """

    def make(dense):
        if unbiased:
            return EUGenDense.from_dense(dense, order, num_features, **options)
        return EUGenDense(
            dense.units,
            num_features,
            order=order,
            name=dense.name,
            dtype=dense.dtype_policy,
            **options,
        )

    return make


def feed_forwards(
    num_features: int, order: int = 1, shift: float = 1.0, **options: Any
) -> Callable[[Any], Any]:
    """For rules: feed-forward blocks become one EUGen each.

    A block is `Dense -> activation -> (Dropout) -> Dense` with nothing else
    between, in a model of any kind; the rule's left side selects the first
    Dense. The EUGen is fitted to the block's output, so that it has no inner
    width: most of its speed comes from that. For `distill`, which finds the
    blocks while the model runs on data.

    Args:
        num_features: Positive integer, features of one block of the EUGen.
        order: Positive integer.
        shift: Positive float or `None`, see `EUGenDense`.
        **options: Further arguments of `EUGenDense`.

    Returns:
        A function from a block to its replacement.

    Example:

    >>> teacher = keras.Sequential(
    ...     [keras.Input((16,)), keras.layers.Dense(64, "relu", name="inner"),
    ...      keras.layers.Dense(8)])
    >>> x = np.random.default_rng(0).normal(size=(2000, 16))
    >>> rules = {"*": feed_forwards(num_features=32)}
    >>> student, _ = distill(teacher, x, rules, pool=256, verbose=0)
    >>> student.get_layer("inner").units
    8
    """

    def make(block):
        return EUGenDense(
            block.second.units,
            num_features,
            order=order,
            **{
                "feature_activation": block.activation,
                "norm_feature": False,
                "projection": "gaussian",
                "shift": shift,
                "name": block.first.name,
                "dtype": block.first.dtype_policy,
                **options,
            },
        )

    make.takes_blocks = True  # type: ignore[attr-defined]
    return make


BLOCKS_ONLY = (
    ". `feed_forwards` takes the first Dense of a block `Dense -> activation "
    "-> (Dropout) -> Dense` that runs once, with nothing else between."
)


class Rules:
    """Pairs of a selector and a maker; the first selector that fits counts.

    Args:
        rules: Dict or list of pairs. A selector is a pattern of paths
            (`"*/feedforward_*"`, matched against path and name), a layer
            class, or a function of a layer. A maker is a function from a
            Dense layer to its replacement (`None` to leave it).

    Raises:
        ValueError: If a rule is not as above.
    """

    def __init__(self, rules):
        pairs = list(rules.items()) if isinstance(rules, dict) else list(rules)
        for pair in pairs:
            if not isinstance(pair, tuple) or len(pair) != 2:
                raise ValueError(
                    "`rules` must be a dict or pairs of a selector and a "
                    f"maker. Received: {pair!r}"
                )
            selector, maker = pair
            if not (isinstance(selector, str) or callable(selector)):
                raise ValueError(
                    "A selector must be a pattern, a layer class or a "
                    f"function. Received: {selector!r}"
                )
            if not callable(maker):
                raise ValueError(
                    "A maker must be a function from a Dense layer to its "
                    "replacement, such as `to_eugen(num_features=64)`. "
                    f"Received: {maker!r}"
                )
        self.pairs = pairs
        self.unused = set(range(len(pairs)))

    def find(self, layer):
        """The index of the first rule that fits a layer, or `None`."""
        for k, (selector, _) in enumerate(self.pairs):
            if selects(selector, layer):
                return k
        return None

    def take(self, k):
        """The maker of a rule, which is used from now on."""
        self.unused.discard(k)
        return self.pairs[k][1]

    def check_used(self, model, paths):
        """Refuses rules that were never used: they are misspelt, or shadowed.

        Args:
            model: The model that was converted.
            paths: Paths of the layers that could have been replaced.

        Raises:
            ValueError: If there are any.
        """
        if not self.unused:
            return
        selectors = [repr(self.pairs[k][0]) for k in sorted(self.unused)]
        shown = ", ".join(paths[:20]) + (", ..." if len(paths) > 20 else "")
        blocks = any(takes_blocks(self.pairs[k][1]) for k in self.unused)
        raise ValueError(
            "Each rule must fit a Dense, EinsumDense or attention layer that "
            "no earlier rule takes. Received rules that fit none of "
            f"'{model.name}': {', '.join(selectors)}. Its layers: {shown}"
            + (BLOCKS_ONLY if blocks else "")
        )


def selects(selector, layer):
    """Whether a pattern, a layer class or a function selects a layer."""
    if isinstance(selector, str):
        names = (layer.path or "", layer.name)
        return any(fnmatch.fnmatchcase(name, selector) for name in names)
    if isinstance(selector, type) and issubclass(selector, keras.layers.Layer):
        return isinstance(layer, selector)
    return bool(selector(layer))


def takes_blocks(maker):
    """Whether a rule's right side replaces blocks and not single layers."""
    return getattr(maker, "takes_blocks", False)
