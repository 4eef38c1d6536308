"""What a conversion replaces, and the account of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import keras

from keras_randproj.layers.attention.parts import is_attention
from keras_randproj.layers.eugen.head import EUGenHead
from keras_randproj.layers.eugen.neurons import EUGenNeurons
from keras_randproj.report.cost import multiplications
from keras_randproj.transfer.dense_view import DENSE
from keras_randproj.transfer.dense_view import Unsuitable
from keras_randproj.transfer.dense_view import dense_view
from keras_randproj.transfer.rebuild import Rebuilder
from keras_randproj.transfer.rebuild import build_like
from keras_randproj.transfer.rules import Rules
from keras_randproj.transfer.rules import takes_blocks

# A transform that is so many times as wide as its input is worth a warning.
MUCH = 1.5


@dataclass(frozen=True)
class Replacement:
    """One layer and what stands in its place.

    Args:
        path: Path of the layer.
        old: The layer of the old model.
        new: The `PRPDense`, `EUGenDense` or other layer of the new one.
    """

    path: str
    old: Any
    new: Any


@dataclass
class Conversion:
    """What a conversion did.

    Args:
        model: The new model.
        replaced: List of `Replacement`.
        skipped: List of pairs of a path and a reason.
    """

    model: Any = None
    replaced: list[Replacement] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def skip(self, layer, reason):
        """Notes a layer that was selected and is left as it is."""
        self.skipped.append((layer.path or layer.name, reason))


@dataclass(frozen=True)
class Made:
    """What stands in a layer's place, made before the conversion.

    Args:
        new: The new layer.
        adapt: Function that fits a layer like it into the place.
        counted: Whether it is a replacement to report.
    """

    new: Any
    adapt: Callable[[Any], Any] = field(default=lambda new: new)
    counted: bool = True


def conversion(model, rules, verbose=1, made=None):
    """`convert`, with the account of what was done.

    Args:
        model: See `convert`.
        rules: See `convert`; or the `Rules` themselves.
        verbose: 0 or 1.
        made: Dict of `Made` by the `id` of the layer, where rules have been
            followed already; or `None`.

    Returns:
        A `Conversion`.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ValueError(
            "`model` must be a built `keras.Model`: call it on data first. "
            f"Received: model={model}"
        )
    rules = rules if isinstance(rules, Rules) else Rules(rules)
    done = Conversion()
    found = {}

    def choose(layer):
        if id(layer) not in found:
            found[id(layer)] = (layer, _choice(layer, rules, done, made))
        return found[id(layer)][1]

    done.model = Rebuilder(choose, done.skip).rebuild(model)
    layers = [layer for layer, _ in found.values() if _can_be_dense(layer)]
    rules.check_used(model, [layer.path or layer.name for layer in layers])
    skipped = {path for path, _ in done.skipped}
    done.replaced = [r for r in done.replaced if r.path not in skipped]
    if verbose:
        print(describe(done, model))
    if not done.replaced:
        reasons = "".join(f"\n  {path}: {why}" for path, why in done.skipped)
        raise ValueError(f"No layer of '{model.name}' was replaced.{reasons}")
    return done


def _choice(layer, rules, done, made):
    if made and id(layer) in made:
        item = made[id(layer)]
        if item.counted:
            path = layer.path or layer.name
            done.replaced.append(Replacement(path, layer, item.new))
        return item.adapt(item.new)
    return _replacement(layer, rules, done)


def _replacement(layer, rules, done):
    rule = rules.find(layer)
    if rule is None or isinstance(
        layer, (keras.Model, EUGenHead, EUGenNeurons)
    ):
        return None
    if is_attention(layer):
        return _attention_replacement(layer, rules, rule, done)
    if takes_blocks(rules.pairs[rule][1]):
        return None
    made = replacement(layer, rules.take(rule), done)
    if made is None:
        return None
    done.replaced.append(Replacement(layer.path or layer.name, layer, made.new))
    return made.adapt(made.new)


def replacement(layer, maker, done):
    """What a rule puts in the place of a layer.

    Args:
        layer: A layer that the rule fits.
        maker: The rule's right side.
        done: `Conversion`, in which a layer that stays is noted.

    Returns:
        A `Made`, built; or `None`.
    """
    try:
        dense, adapt = dense_view(layer)
    except Unsuitable as reason:
        done.skip(layer, str(reason))
        return None
    try:
        new = maker(dense)
    except ValueError as error:
        done.skip(layer, str(error))
        return None
    if new is None:
        done.skip(layer, "its rule leaves it")
        return None
    shape = (None, dense.kernel.shape[0])
    build_like(new, layer, {"input_shape": shape})
    return Made(new, adapt)


def is_dense(layer):
    """Whether a rule could replace a layer, that is not attention."""
    part = isinstance(layer, (EUGenHead, EUGenNeurons))
    return isinstance(layer, DENSE) and not part


def _can_be_dense(layer):
    return is_attention(layer) or is_dense(layer)


def _attention_replacement(layer, rules, rule, done):
    """Attention as a whole; a maker of dense layers goes inside instead."""
    if not getattr(rules.pairs[rule][1], "takes_attention", False):
        return None
    maker = rules.take(rule)
    try:
        new = maker(layer)
    except (Unsuitable, ValueError) as reason:
        done.skip(layer, str(reason))
        return None
    build_like(new, layer, layer.get_build_config())
    done.replaced.append(Replacement(layer.path or layer.name, layer, new))
    return new


def describe(done, model):
    """The account as text: layers, parameters and multiplications.

    Args:
        done: A `Conversion`.
        model: The model that was converted.

    Returns:
        String.
    """
    lines = [f"Converted '{model.name}':"]
    for r in done.replaced:
        before, after = multiplications(r.old), multiplications(r.new)
        lines.append(
            f"  replaced {r.path}: {type(r.old).__name__} -> "
            f"{type(r.new).__name__}, parameters {r.old.count_params():,} -> "
            f"{r.new.count_params():,}, FLOPs a row {2 * before:,} -> "
            f"{2 * after:,}"
        )
    lines += [f"  skipped {path}: {reason}" for path, reason in done.skipped]
    flops = [
        2 * sum(multiplications(layer) for layer in layers)
        for layers in (
            [r.old for r in done.replaced],
            [r.new for r in done.replaced],
        )
    ]
    lines += [
        f"  parameters {model.count_params():,} -> "
        f"{done.model.count_params():,}, trainable {_trainable(model):,} -> "
        f"{_trainable(done.model):,}",
        f"  FLOPs a row of the replaced layers {flops[0]:,} -> {flops[1]:,}",
        "  New layers know nothing of the old ones until they are trained, or, "
        "if they are EUGenDense, distilled: the model starts near chance.",
        "  The optimizer's state is not copied: compile the new model.",
    ]
    lines += [line for r in done.replaced if (line := _padding(r))]
    return "\n".join(lines)


def _padding(replacement):
    """A warning of a Hadamard transform that is much wider than its input."""
    for projection in getattr(replacement.new, "projections", ()):
        inputs = projection.input_spec.axes[-1]
        order = 2 ** (inputs - 1).bit_length()
        if projection.family.name == "hadamard" and order > MUCH * inputs:
            return (
                f"  {replacement.path}: hadamard pads {inputs:,} inputs to "
                f"{order:,}, the next power of two, and takes as long. Another "
                "projection, or widths at a power of two, take less."
            )
    return None


def _trainable(model):
    return sum(math.prod(w.shape) for w in model.trainable_weights)
