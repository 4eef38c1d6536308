"""A Keras model as a torch module that holds the trainable parameters only."""

import torch
import torch.distributed as dist

from keras_randproj import _keras
from keras_randproj.projections import Projection

__all__ = ["TorchModule"]


class TorchModule(torch.nn.Module):
    """A Keras model for `DistributedDataParallel` and `fully_shard`.

    Its parameters are the model's trainable weights, and nothing else: torch
    neither broadcasts nor reduces nor shards a projection's matrix, which
    every process makes from the seed. Where processes run together, it checks
    that all of them have made the same matrices. Layers train or not as
    `train()` and `eval()` say.

    Args:
        model: A built Keras model, on the torch backend.

    Raises:
        ValueError: If the model is not built, or a process has a projection
            of another seed. Give seeds, or call
            `keras.utils.set_random_seed` with the same number in each.

    Example:

    >>> module = torch.nn.parallel.DistributedDataParallel(TorchModule(model))
    >>> loss = torch.nn.functional.mse_loss(module(x), y)
    """

    def __init__(self, model):
        super().__init__()
        if not model.built:
            raise ValueError(f"`model` must be built. Received: model={model}")
        # A tuple hides the model, whose parameters include the matrices.
        self._hidden = (model,)
        self.trained = torch.nn.ParameterList(
            v.value for v in model.trainable_variables
        )
        check_same_projections(model)

    @property
    def model(self):
        """The Keras model."""
        return self._hidden[0]

    def forward(self, *args):
        fixed = self.model.non_trainable_variables
        before = [v.value for v in fixed]
        outputs, after = self.model.stateless_call(
            list(self.trained), before, *args, training=self.training
        )
        for variable, old, new in zip(fixed, before, after, strict=True):
            if new is not old:
                variable.assign(new)
        return outputs

    def update_model(self):
        """Copies trained values into the model, gathered where sharded.

        Every process must call it. Not needed after `DistributedDataParallel`,
        which trains the model's own variables.
        """
        for variable, value in zip(
            self.model.trainable_variables, self.trained, strict=True
        ):
            value = value.detach()
            if hasattr(value, "full_tensor"):
                value = value.full_tensor()
            variable.assign(value)


def check_same_projections(model):
    """Raises where processes have made different matrices.

    Args:
        model: A built Keras model. 32 characters a projection are exchanged.
    """
    if not dist.is_available() or not dist.is_initialized():
        return
    here = digests(model)
    there: list = [None] * dist.get_world_size()
    dist.all_gather_object(there, here)
    for rank, found in enumerate(there):
        if found != here:
            raise ValueError(
                f"Process {rank} has made other matrices than process "
                f"{dist.get_rank()}: give every projection a seed, or call "
                "`keras.utils.set_random_seed` with the same number in each "
                f"process. Received: {found}, here {here}"
            )


def digests(model):
    """The digest of every projection of a model."""
    return [
        part.digest()
        for part in _keras.layers_in(model)
        if isinstance(part, Projection) and part.built
    ]
