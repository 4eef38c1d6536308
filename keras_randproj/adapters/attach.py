"""Gives layers of a model adapters, and freezes the rest."""

from typing import Any

import keras

from keras_randproj import _keras
from keras_randproj.adapters import frozen
from keras_randproj.adapters.adapted_owner import remember
from keras_randproj.adapters.adapter import Adapter
from keras_randproj.adapters.detach import refuse_adapted
from keras_randproj.adapters.detach import renew
from keras_randproj.adapters.forms import Form
from keras_randproj.adapters.shared_vector import SharedVector
from keras_randproj.adapters.surround import CLASSES
from keras_randproj.adapters.surround import remove
from keras_randproj.adapters.surround import surround
from keras_randproj.transfer.dense_view import Unsuitable
from keras_randproj.transfer.rules import selects


def attach(model: keras.layers.Layer, rules: Any) -> None:
    """Gives layers of a model adapters, and freezes the rest.

    The model is changed in place: its layers keep their weights, names and
    places, and compute what they did until something is learned. Compile it
    afterwards. What else is to be trained, such as a new layer on top, is
    thawed afterwards (`layer.trainable = True`), or gets the form `FullRank`,
    which `save` writes.

    Args:
        model: A built model or layer.
        rules: Dict or list of pairs. Left, which layers: a pattern of paths
            or names (`"*query"`), a layer class, or a function of a layer.
            Right, a form (`Modulation`, `SeededLowRank`, `SeededUpdate`,
            `LowRank`, `FullRank`) or a list of forms. The first that fits
            counts, and each must fit a `Dense`, `EinsumDense`, `Conv2D` or
            `Embedding`.

    Raises:
        ValueError: If the model is not built or has adapters, a rule is
            malformed or fits no layer, or a layer cannot have the form.

    Example:

    >>> model = keras.Sequential(
    ...     [keras.Input((8,)), keras.layers.Dense(4, name="hidden")])
    >>> attach(model, {"hid*": [Modulation(), SeededLowRank(rank=2, seed=7)]})
    >>> model.count_params() - 36  # 8 + 4 + 4 and 2 + 4; A and B are fixed.
    46
    """
    if not isinstance(model, keras.layers.Layer) or not model.built:
        raise ValueError(
            "`model` must be a built model: call it on data first. "
            f"Received: model={model}"
        )
    refuse_adapted(model)
    attach_to(model, chosen(model, rules))


def attach_to(model, pairs):
    """Gives chosen layers adapters, all of them or none.

    Args:
        model: A built model.
        pairs: List of pairs of a layer in it and a list of forms.

    Raises:
        ValueError: If the model has adapters, or a layer cannot have a form.
    """
    refuse_adapted(model)
    surround_all(model, adapters_for(pairs))
    remember(model)


def surround_all(model, pairs):
    """Puts adapters around layers of a model and freezes the rest.

    Args:
        model: A built model.
        pairs: List of pairs of a layer and an adapter, not built.

    Raises:
        ValueError: If one cannot be; the model is as it was then.
    """
    flags = frozen.Flags(model)
    done = []
    try:
        for layer, adapter in pairs:
            surround(layer, adapter)
            done.append(layer)
    except ValueError:
        for layer in done:
            remove(layer)
        raise
    frozen.freeze(model, done)
    model._before_adapters = flags
    renew(model)


def adapters_for(pairs, make=Adapter, slots=None):
    """An adapter for each layer; those that share a vector hold it.

    Args:
        pairs: List of pairs of a layer and a list of forms.
        make: Function of forms, shared vector and offset.
        slots: See `SharedVector`.

    Returns:
        List of pairs of a layer and an adapter, not built.

    Raises:
        ValueError: If a layer cannot have a form.
    """
    sizes = [check(layer, forms) for layer, forms in pairs]
    totals: dict = {}
    places = []
    for (_, forms), size in zip(pairs, sizes, strict=True):
        shared = next((form for form in forms if form.shared_size()), None)
        offset = totals.get(shared, 0)
        places.append((shared, offset))
        if shared is not None:
            totals[shared] = offset + shared.places(size)
    vectors = {
        form: SharedVector(form.size, total, form.spread_seed(), slots)
        for form, total in totals.items()
    }
    return [
        (layer, make(forms, vectors.get(shared), offset))
        for (layer, forms), (shared, offset) in zip(pairs, places, strict=True)
    ]


def chosen(model, rules):
    """The layers that rules fit, and their forms."""
    pairs = [_checked(rule) for rule in _pairs(rules)]
    unused = set(range(len(pairs)))
    found = []
    for layer in _keras.layers_in(model):
        if type(layer) not in CLASSES:
            continue
        for k, (selector, forms) in enumerate(pairs):
            if selects(selector, layer):
                unused.discard(k)
                found.append((layer, forms))
                break
    if unused or not pairs:
        names = [
            layer.path or layer.name
            for layer in _keras.layers_in(model)
            if type(layer) in CLASSES
        ]
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        shown = f"Its layers: {shown}" if names else "It has none of these."
        raise ValueError(
            "Each rule must fit a Dense, EinsumDense, Conv2D or Embedding "
            "that no earlier rule takes. Received rules that fit none of "
            f"'{model.name}': {[pairs[k][0] for k in sorted(unused)]}. "
            f"{shown}"
        )
    return found


def check(layer, forms):
    """The sizes of a layer, or why it cannot have these forms.

    Returns:
        The layer's `Sizes`.

    Raises:
        ValueError: If there is such a form, or the layer is of no use.
    """
    try:
        return _sizes(layer, forms)
    except Unsuitable as reason:
        raise ValueError(
            f"Layer '{layer.path or layer.name}' ({type(layer).__name__}) "
            f"cannot be adapted: {reason}."
        ) from None


def _sizes(layer, forms):
    cls = CLASSES[type(layer)]
    if not layer.built:
        raise Unsuitable("it is not built")
    if getattr(layer, "lora_enabled", False):
        raise Unsuitable("it has Keras's LoRA")
    for form in forms:
        if cls.base_class.__name__ not in form.kinds:
            raise Unsuitable(f"{form!r} is for the classes {form.kinds}")
    if sum(form.order == 0 for form in forms) > 1:
        raise Unsuitable("it would have two modulations")
    if sum(form.shared_size() > 0 for form in forms) > 1:
        raise Unsuitable("it would have two shared vectors")
    sizes = cls.sizes_of(layer)
    for form in forms:
        form.check(sizes)
    return sizes


def _pairs(rules):
    return list(rules.items()) if isinstance(rules, dict) else list(rules)


def _checked(rule):
    if not isinstance(rule, tuple) or len(rule) != 2:
        raise ValueError(
            "`rules` must be a dict or pairs of a selector and forms. "
            f"Received: {rule!r}"
        )
    selector, forms = rule
    forms = list(forms) if isinstance(forms, (list, tuple)) else [forms]
    if not forms or not all(isinstance(form, Form) for form in forms):
        raise ValueError(
            "A layer gets a form, such as `Modulation()`, or a list of them. "
            f"Received: {rule[1]!r}"
        )
    if not isinstance(selector, str) and not callable(selector):
        raise ValueError(
            "A selector must be a pattern, a layer class or a function. "
            f"Received: {selector!r}"
        )
    return selector, forms
