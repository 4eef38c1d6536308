"""A EUGen's features and head from rows, in closed form."""

from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import NamedTuple

import numpy as np

from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.fine_tune import fine_tune
from keras_randproj.transfer.linear_features import before_activation
from keras_randproj.transfer.linear_features import pool_of
from keras_randproj.transfer.low_rank import LowRank
from keras_randproj.transfer.low_rank import is_linear
from keras_randproj.transfer.rows_to_fit import RowsToFit
from keras_randproj.transfer.teacher import Teacher


@dataclass(frozen=True)
class Options:
    """How to fit; see `distill_layer`."""

    ridge: Any = "auto"
    validation_split: float = 0.1
    batch_size: int = 1024
    epochs: int = 0
    learning_rate: float = 1e-3
    pool: int | None = None
    neurons: bool = False
    method: str = "eugen"
    keep_activation: Any = False
    rivals: bool = True
    verbose: Any = 1

    def has(self, method: str) -> bool:
        """Whether what a method gives has to be fitted as well."""
        return self.rivals or self.method in (method, "best")

    @property
    def alone(self) -> "Options":
        """To fit a EUGen as it is, and nothing else."""
        return replace(
            self, method="eugen", keep_activation=False, rivals=False
        )


# What a report says of the EUGen itself.
OF_THE_EUGEN = (
    "ridge",
    "error",
    "fine_tuned_error",
    "parameters",
    "stored",
    "neurons",
    "residual_rank",
    "keeps_activation",
)


class Fitted(NamedTuple):
    """What a fit gives.

    Args:
        layer: The EUGen that was fitted, or the layers that do better.
        report: `DistillationReport`.
    """

    layer: Any
    report: DistillationReport


def fit(eugen: EUGenDense, teacher: Teacher, options: Options) -> Fitted:
    """Fits a EUGen to its teacher, or what else the method asks for.

    Args:
        eugen: `EUGenDense`; it is changed.
        teacher: `Teacher`.
        options: `Options`.

    Returns:
        A `Fitted`.
    """
    _check_activation(eugen, teacher)
    other = None
    if options.keep_activation and options.method in ("eugen", "best"):
        index = int(options.pool is not None)
        other = before_activation(eugen, teacher, index)
    if other and options.keep_activation is True:
        return fit(other, teacher, replace(options, keep_activation=False))
    options = replace(options, pool=pool_of(eugen, options.pool))
    found = RowsToFit(eugen, teacher, options)
    budget = found.pool.budget if found.pool else stored_numbers(eugen)
    head = found.best_head(options.neurons)
    numbers: dict[str, Any] = {"mean_error": found.error(lambda x: found.mean)}
    layers: dict[str, Any] = {"eugen": lambda rank: eugen}
    if found.has_neurons and options.has("neurons"):
        # A head on neurons alone has no place for a row.
        alone = found.best_head(neurons=True, random=False)
        if len(alone.choice.neurons):
            layers["neurons"] = lambda rank: found.pool.neurons_alone(
                alone, rank
            )
            plain = layers["neurons"](2)
            numbers["neurons_error"] = found.error(
                lambda x: rows.outputs(plain, x)
            )
    if found.pool:
        found.pool.install(head.choice)
    eugen.kernel.assign(head.kernel)
    if eugen.bias is not None:
        eugen.bias.assign(head.bias)
    error = found.error(lambda x: rows.outputs(eugen, x))
    ranks = {}
    if options.has("low_rank"):
        ranks["low_rank"] = budget
    if options.rivals:
        ranks["low_rank_in_memory"] = eugen.count_params()
    first = None
    for name, most in ranks.items():
        rival = teacher.layers and LowRank.of(
            teacher.layers, teacher.activations, int(most)
        )
        if rival:
            first = rival.fit(found.training_rows, first)
            numbers[f"{name}_error"] = found.error(rival)
            numbers[f"{name}_rank"] = rival.rank
            layers[name] = rival.as_layer
    if options.epochs:
        fine_tune(eugen, found.training_rows(), options)
        tuned = found.error(lambda x: rows.outputs(eugen, x))
        numbers["fine_tuned_error"] = tuned
    report = DistillationReport(
        layer=eugen.path or eugen.name,
        rows=found.train.rows,
        held_out_rows=found.held_out,
        ridge=float(head.ridge),
        error=error,
        parameters=eugen.count_params(),
        stored=stored_numbers(eugen),
        neurons=eugen.features.num_neurons,
        residual_rank=eugen.features.residual_rank,
        keeps_activation=not is_linear(eugen.activation),
        **numbers,
    )
    if other:
        layer, kept = fit(other, teacher, options.alone)
        if kept.final_error < report.final_error:
            layers["eugen"] = lambda rank: layer
            report = replace(
                report, **{name: getattr(kept, name) for name in OF_THE_EUGEN}
            )
    method = _method(options.method, report)
    if method not in layers:
        raise ValueError(
            f"'{report.layer}' has no layer of method={method!r} within the "
            f"budget of {int(budget)} numbers; 'neurons' needs a `pool`. "
            f"Received: method={options.method!r}"
        )
    return Fitted(layers[method](teacher.rank), replace(report, method=method))


def _check_activation(eugen, teacher):
    """Refuses an activation that is not the teacher's."""
    activation = eugen.activation
    if is_linear(activation):
        return
    if not teacher.layers or teacher.activations[-1] != activation:
        theirs = teacher.activations[-1] if teacher.layers else None
        raise ValueError(
            "A EUGen with an output activation is fitted to what goes into "
            "the teacher's: the teacher must be a `Dense` of the same one. "
            f"Received: activation={activation}, of the teacher {theirs}"
        )


def _method(method, report):
    """The method itself, or the one of least error."""
    if method != "best":
        return method
    errors = {
        "eugen": report.final_error,
        "neurons": report.neurons_error,
        "low_rank": report.low_rank_error,
    }
    there = {k: v for k, v in errors.items() if v is not None}
    return min(there, key=there.__getitem__)


def stored_numbers(eugen: EUGenDense) -> int:
    """Numbers of a file: what is trained, and the indices of chosen rows."""
    learned = sum(
        int(np.prod(w.shape)) for layer in _trained(eugen) for w in layer
    )
    return learned + len(eugen.features.family.rows or ())


def _trained(eugen):
    frozen = {id(w) for w in eugen.non_trainable_weights}
    if not eugen.trainable:
        features = eugen.features
        parts = [eugen.head, features.neurons, features.residual]
        return [part.weights for part in parts if part is not None]
    return [[w for w in eugen.weights if id(w) not in frozen]]
