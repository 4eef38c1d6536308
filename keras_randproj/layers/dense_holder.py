"""A layer with `keras.layers.Dense` inside, and what files hold of those."""

import keras

from keras_randproj import _keras
from keras_randproj import config as settings
from keras_randproj._types import Config
from keras_randproj.arguments import positive_integer
from keras_randproj.files.whole_layer import WholeLayer

# Arguments that `quantize` and `enable_lora` put into a layer's config.
ADAPTED = ("quantization_config", "lora_rank", "lora_alpha")


class DenseHolder(WholeLayer):
    """A layer whose parts stay quantised, or with LoRA, when it is loaded.

    Keras notes both in the configs of a model's layers, and the config of a
    layer of ours does not hold those of the layers in it. What happened to
    them goes with the shapes that a loaded layer is built for.
    """

    def get_build_config(self) -> Config | None:
        config = super().get_build_config()
        adapted = {
            name: found
            for name, part in self._parts().items()
            if (found := _adapted(part))
        }
        if config and adapted:
            config["adapted"] = adapted
        return config

    def build_from_config(self, config: Config) -> None:
        config = dict(config)
        adapted = config.pop("adapted", {})
        super().build_from_config(config)
        parts = self._parts()
        if not isinstance(adapted, dict) or not adapted.keys() <= parts.keys():
            raise ValueError(
                f"Layer '{self.path}' has the parts {sorted(parts)}. "
                f"Received: adapted={adapted}"
            )
        for name, arguments in adapted.items():
            _adapt(parts[name], **arguments)
        if adapted:
            _keras.list_parameters_again(_keras.layers_in(self))

    def _freeze_parts(self):
        """Freezes what `build` made inside of a frozen layer."""
        if not self.trainable:
            for part in _keras.layers_in(self)[1:]:
                part.trainable = False

    def _parts(self):
        """The layers inside that can be quantised, by path from here."""
        return {
            part.path.removeprefix(f"{self.path}/"): part
            for part in _keras.layers_in(self)[1:]
            if part.built and hasattr(part, "quantization_config")
        }


def _adapted(part):
    if part.quantization_config is None and not part.lora_rank:
        return {}
    config = part.get_config()
    return {k: config[k] for k in ADAPTED if config.get(k) is not None}


def _adapt(part, quantization_config=None, lora_rank=None, lora_alpha=None):
    if quantization_config is not None and part.quantization_mode is None:
        part.quantize(
            config=keras.saving.deserialize_keras_object(quantization_config)
        )
    if lora_rank is not None:
        positive_integer("lora_rank", lora_rank)
        for size in part.kernel.shape:
            settings.check_elements((size, lora_rank), f"Layer '{part.path}'")
        part.enable_lora(lora_rank, lora_alpha=lora_alpha)
