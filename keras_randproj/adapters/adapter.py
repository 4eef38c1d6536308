"""The layer that holds what an adapter learned for another layer."""

import weakref
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj import kernels
from keras_randproj.adapters import recipe
from keras_randproj.adapters.forms import Form
from keras_randproj.arguments import non_negative_integer
from keras_randproj.arguments import positive_number
from keras_randproj.files.read_arrays import read_arrays
from keras_randproj.files.whole_layer import WholeLayer
from keras_randproj.projections.seeded_initializer import SeededInitializer


@dataclass(frozen=True)
class Part:
    """A form, and what a layer has of it.

    Args:
        form: A `Form`.
        variables: What was learned, by name.
        fixed: What a seed gives: `Projection` layers and weights, by name.
        holders: List of the layers that hold what a seed gives, each with a
            `record()`.
    """

    form: Form
    variables: dict[str, Any]
    fixed: dict[str, Any]
    holders: list[Any]

    def values(self, dtype):
        """Tensors of what was learned, and what a seed gives, by name."""
        learned = {
            name: ops.cast(variable, dtype) * self.form.multiplier(name)
            for name, variable in self.variables.items()
        }
        return learned | self.fixed


@keras.saving.register_keras_serializable("keras_randproj")
class Adapter(WholeLayer):
    """What the forms of one adapted layer learned, and their seed-made parts.

    It lives in the layer that it adapts and is not called itself.

    Args:
        forms: List of forms, or of their configs.
        shared: The `SharedVector` of a `SeededUpdate` among them, or its
            config.
        offset: Integer, where this layer's part begins of what the vector is
            spread over.

    Attributes:
        in_place: Whether sums may take the place of a layer's output, see
            `kernels.fused`.
    """

    in_place = False

    def __init__(self, forms, shared=None, offset=0, **kwargs):
        super().__init__(**{"name": "adapter", "dtype": "float32", **kwargs})
        given = [recipe.form(form) for form in forms]
        self.forms = sorted(given, key=lambda form: form.order)
        if isinstance(shared, dict):
            shared = keras.saving.deserialize_keras_object(shared)
        self.shared = shared
        self.offset = non_negative_integer("offset", offset)
        self.parts: tuple[Part, ...] = ()

    def build_for(self, layer):
        """Adds the variables of a layer, which is built.

        Args:
            layer: An `AdaptedLayer`.
        """
        layer.sizes = layer.sizes_of(layer)
        self._layer = weakref.ref(layer)
        self.build(layer.matrix_shape)

    def build(self, input_shape):
        layer = self._layer()
        self.parts = tuple(
            self._part(layer, form, f"_{k}" if k else "")
            for k, form in enumerate(self.forms)
        )

    def _part(self, layer, form, suffix):
        fixed, holders = {}, []
        variables = self._learned(layer, form, suffix)
        for name, (part, size) in form.projections(layer).items():
            setattr(self, f"projection_{name}{suffix}", part)
            part.build((None, size))
            fixed[name] = part
            holders.append(part)
        if form.shared_size():
            if not self.shared.built:
                self.shared.build()
            variables["vector"] = self.shared.vector
            fixed |= self._spread(form, layer)
            holders.append(self.shared)
        return Part(form, variables, fixed, holders)

    def _learned(self, layer, form, suffix):
        """The variables of what a form learns for a layer, by name."""
        variables = {}
        for name, shape in form.vectors(layer).items():
            variables[name] = self.add_weight(
                shape, initializer=form.initializer(name), name=name + suffix
            )
            # TensorFlow's checkpoints follow attributes.
            setattr(self, name + suffix, variables[name])
        return variables

    def _spread(self, form, layer):
        """Where entries of the shared vector go, and their factors."""
        end = self.offset + form.places(layer)
        index = self.shared.index(self.offset, end)
        self.index = self._fixed("index", form.arranged(layer, index))
        self.roots = self._fixed("roots", self.shared.roots())
        return {"index": self.index, "roots": self.roots}

    def _fixed(self, name, values):
        def block(spans, dtype):
            return values[slice(*spans[0])]

        initializer = SeededInitializer(block)
        dtype = values.dtype.name
        return initializer.add_weight(self, name, values.shape, dtype)

    def apply(self, layer, base, inputs, biased=True, **arguments):
        """The output of an adapted layer.

        Args:
            layer: The `AdaptedLayer` that holds this.
            base: Function, the layer's own computation.
            inputs: Its input.
            biased: Boolean, whether `base` adds the layer's own bias. Where
                it does not, that is added in one pass with what was learned.
            **arguments: Further arguments of `base`.
        """
        found = self.values(layer)
        x = inputs
        for form, values in found:
            x = form.before(layer, x, values)
        y = base(x, **arguments)
        scale, shift = self._modulation(layer, found, biased)
        if scale is not None:
            scale = layer.along_output(scale, y)
        if shift is not None:
            shift = layer.along_output(shift, y)
        activation = layer.outer_activation
        if not any(form.order for form, _ in found):
            # The last that is done: a gradient keeps what it is done to.
            y = kernels.activated(activation, y, scale, shift, self.in_place)
            return kernels.out_of_scratch(y, layer.product_scratch)
        y = kernels.scale_and_shift(y, scale, shift, self.in_place)
        for form, values in found:
            y = form.after(layer, y, inputs, values)
        y = kernels.activated(activation, y)
        return kernels.out_of_scratch(y, layer.product_scratch)

    def _modulation(self, layer, found, biased):
        """By what to multiply the base's output, and what to add then."""
        own = layer.own_bias()
        scale, shift = None, None if biased else own
        for form, values in found:
            more = form.output_scale(values)
            moved = form.output_shift(values)
            if more is not None:
                scale = more if scale is None else scale * more
            if moved is not None:
                shift = moved if shift is None else shift + moved
        if biased and own is not None and scale is not None:
            # The kernel's part is scaled, and not the layer's own bias.
            back = own - own * scale
            shift = back if shift is None else shift + back
        return scale, shift

    @property
    def scratch(self):
        """`None`, or a dict of scratch memory, see `kernels.fused`."""
        return None

    def values(self, layer):
        """Forms, each with what was learned and what a seed gives, by name."""
        dtype = layer.compute_dtype
        return [(part.form, part.values(dtype)) for part in self.parts]

    def _own(self):
        """By name: variables of this layer, and what multiplies them."""
        return {
            variable.name: (variable, part.form.multiplier(name))
            for part in self.parts
            for name, variable in part.variables.items()
            if name != "vector"
        }

    def save_own_variables(self, store):
        for name, (variable, multiplier) in self._own().items():
            store[name] = variable
            store[f"{name}_multiplier"] = np.array(multiplier, "float64")

    def read_own_variables(self, store):
        expected: dict = {}
        self.save_own_variables(expected)
        values = read_arrays(store, expected, self.described)
        ratios = {
            name: positive_number(name, values[f"{name}_multiplier"][()]) / here
            for name, (_, here) in self._own().items()
        }

        def assign():
            for name, ratio in ratios.items():
                value = values[name]
                expected[name].assign(value * ratio if ratio != 1 else value)

        return assign

    def get_build_config(self):
        # The layer around it builds it.
        return None

    def get_config(self):
        forms = [recipe.serialize(form) for form in self.forms]
        shared = self.shared and self.shared.serialize()
        config = {"forms": forms, "shared": shared, "offset": self.offset}
        return {**super().get_config(), **config}
