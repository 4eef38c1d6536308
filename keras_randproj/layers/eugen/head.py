"""The trained part of a EUGen: a Dense layer on its features."""

import keras

from keras_randproj.files.read_arrays import read_arrays


@keras.saving.register_keras_serializable("keras_randproj")
class EUGenHead(keras.layers.Dense):
    """`keras.layers.Dense` whose weights the EUGen around it saves as its own.

    It can be quantised and take LoRA as Dense can. A conversion does not take
    it for a layer of the model.

    Args:
        units: Positive integer.
        **kwargs: Further arguments of `keras.layers.Dense`.

    Input shape:
        `(batch, ..., input_dim)`.

    Output shape:
        `(batch, ..., units)`.
    """

    def compute(self, inputs):
        """The outputs, inside another layer's call."""
        if self.quantization_mode is None:
            return self.call(inputs)
        return self.quantized_call(inputs)

    def quantize(self, mode=None, type_check=True, config=None):
        # Other modes calibrate or train in a call of the layer's own.
        if mode not in ("int8", "int4"):
            raise NotImplementedError(
                f"Layer '{self.path}' is left as it is: the head of a EUGen "
                f"can be quantised to 'int8' and 'int4'. Received: mode={mode}"
            )
        # Keras does not quantise subclasses of Dense unless it is told to.
        super().quantize(mode, type_check=False, config=config)

    def save_own_variables(self, store):
        """Nothing: see `save_into`."""

    def load_own_variables(self, store):
        """Nothing: see `read_from`."""

    def save_into(self, store):
        """Writes the weights into the group of the layer around it."""
        super().save_own_variables(store)

    def read_from(self, store, owner):
        """Checks what `save_into` wrote.

        Args:
            store: Any of arrays.
            owner: Who reads, for messages.

        Returns:
            Function without arguments that assigns it.
        """
        values = read_arrays(store, self._saved(), owner)
        return lambda: super(EUGenHead, self).load_own_variables(values)

    def _saved(self):
        saved: dict = {}
        self.save_into(saved)
        return saved
