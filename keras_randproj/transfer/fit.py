"""A EUGen's features and head from rows, in closed form."""

import functools
from dataclasses import dataclass
from dataclasses import replace
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_randproj.layers import EUGenDense
from keras_randproj.transfer import rows
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.fine_tune import fine_tune
from keras_randproj.transfer.low_rank import LowRank
from keras_randproj.transfer.normal_equations import NormalEquations
from keras_randproj.transfer.normal_equations import SumsToChooseBy
from keras_randproj.transfer.normal_equations import choose_ridge
from keras_randproj.transfer.pool import Pool
from keras_randproj.transfer.teacher import Teacher

# Most rows that are held out.
MOST_HELD_OUT = 2**15


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
    rivals: bool = True
    verbose: Any = 1

    def has(self, method: str) -> bool:
        """Whether what a method gives has to be fitted as well."""
        return self.rivals or self.method in (method, "best")


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
        eugen: `EUGenDense` without output activation; it is changed.
        teacher: `Teacher`.
        options: `Options`.

    Returns:
        A `Fitted`.
    """
    found = _Rows(eugen, teacher, options)
    budget = found.pool.budget if found.pool else stored_numbers(eugen)
    head = found.best_head(options.neurons)
    numbers: dict[str, Any] = {"mean_error": found.error(lambda x: found.mean)}
    layers: dict[str, Any] = {"eugen": lambda rank: eugen}
    if found.has_neurons and options.has("neurons"):
        # A head on neurons alone has no place for a row.
        alone = found.best_head(neurons=True, random=False)
        if len(alone.choice.neurons):
            numbers["neurons_error"] = alone.error
            layers["neurons"] = lambda rank: found.pool.neurons_alone(
                alone, rank
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
        **numbers,
    )
    method = _method(options.method, report)
    if method not in layers:
        raise ValueError(
            f"'{report.layer}' has no layer of method={method!r} within the "
            f"budget of {int(budget)} numbers; 'neurons' needs a `pool`. "
            f"Received: method={options.method!r}"
        )
    if options.verbose:
        print(report)
    return Fitted(layers[method](teacher.rank), replace(report, method=method))


def _method(method, report):
    """The method itself, or the one of least error."""
    if method != "best":
        return method
    errors = {
        "eugen": report.fine_tuned_error or report.error,
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


class Head(NamedTuple):
    """Chosen features, `None` without a pool, and the best head on them."""

    choice: Any
    ridge: float
    kernel: np.ndarray
    bias: np.ndarray
    error: float


def _trained(eugen):
    frozen = {id(w) for w in eugen.non_trainable_weights}
    if not eugen.trainable:
        features = eugen.features
        parts = [eugen.head, features.neurons, features.residual]
        return [part.weights for part in parts if part is not None]
    return [[w for w in eugen.weights if id(w) not in frozen]]


class _Rows:
    """The sums over rows, and the rows that are held out."""

    def __init__(self, eugen, teacher, options):
        self.eugen, self.teacher, self.options = eugen, teacher, options
        self.train: Any = None
        self.pool: Any = None
        self.kept: list[tuple[np.ndarray, ...]] = []
        self.held_out = 0
        self._sum_up()

    def _sum_up(self):
        eugen, options = self.eugen, self.options
        seen = 0
        bar = keras.utils.Progbar(
            None, unit_name="batch", verbose=options.verbose
        )
        features: Any = None
        for x, y, weights, *_ in self.teacher.rows():
            x, y = rows.as_rows(eugen, x, y, seen)
            if features is None:
                features = self._start()
            out = rows.held_out(seen, len(x), options.validation_split)
            self._keep(
                x[out], y[out], None if weights is None else weights[out]
            )
            for part in rows.chunks(np.flatnonzero(~out)):
                found = ops.convert_to_numpy(features(x[part]))
                rows.check_finite(found, seen, "The features of `data`")
                chosen = None if weights is None else weights[part]
                self.train.add(found, y[part], chosen)
            seen += len(x)
            bar.add(1)
        if options.verbose:
            print()
        if self.train is None or not self.train.rows:
            raise ValueError(
                "`data` must have at least one row to solve on. Received: "
                f"{seen} rows, validation_split={options.validation_split}"
            )

    def _start(self):
        eugen, options = self.eugen, self.options
        features = eugen.features
        if options.pool is not None:
            neurons = self.teacher.neurons
            same = neurons is not None and (
                self.teacher.activations[0] == features.feature_activation
            )
            if options.neurons and not same:
                raise ValueError(
                    "`neurons` needs a teacher of dense layers, the first "
                    "with the activation of the features. Received: "
                    f"activations={self.teacher.activations}, "
                    f"feature_activation={features.feature_activation}"
                )
            compete = same and (options.neurons or options.has("neurons"))
            self.pool = Pool(
                eugen,
                options.pool,
                neurons if compete else None,
                linear=options.neurons,
            )
            features = self.pool.features
            self.train = SumsToChooseBy(
                features.width, eugen.units, eugen.use_bias
            )
        else:
            self.train = NormalEquations(features.width, eugen.units)
        return features

    def _keep(self, x, y, weights):
        room = MOST_HELD_OUT - self.held_out
        if len(x) and room > 0:
            weights = np.ones(len(x)) if weights is None else weights
            self.kept.append((x[:room], y[:room], weights[:room]))
            self.held_out += min(room, len(x))

    @property
    def has_neurons(self):
        """Whether neurons are in the pool."""
        return self.pool is not None and self.pool.neurons is not None

    @property
    def mean(self):
        """The mean of the targets."""
        return self.train.targets / self.train.weight

    def best_head(self, neurons=True, random=True):
        """The best features within the EUGen's budget, and their head.

        Args:
            neurons: Boolean, whether neurons may be chosen from the pool.
            random: Boolean, whether anything else may.
        """
        pool, use_bias = self.pool, self.eugen.use_bias
        train, chosen, features = self.train, None, self.eugen.features
        if pool:
            chosen = pool.choose(*self._products, neurons, random)
            features = pool.take(chosen)
            train = self._sums(features, self.training_rows())
        test = self._sums(features, self.kept)
        ridge, kernel, bias = _solve(train, test, self.options, use_bias)
        judge = test or train
        error = np.sqrt(judge.squared_error(kernel, bias) / (judge.square or 1))
        return Head(chosen, ridge, kernel, bias, float(error))

    @functools.cached_property
    def _products(self):
        """Of the pool's features, with each other and the targets."""
        products = self.train.centred(self.eugen.use_bias)[:2]
        return self.pool.reduce(*products)

    def _sums(self, features, given):
        """The sums of some features over some rows, `None` without rows."""
        sums = None
        for x, y, weights, *_ in given:
            for part in rows.chunks(np.arange(len(x))):
                found = ops.convert_to_numpy(features(x[part]))
                if sums is None:
                    sums = NormalEquations(found.shape[1], y.shape[1])
                chosen = None if weights is None else weights[part]
                sums.add(found, y[part], chosen)
        return sums

    def training_rows(self):
        """The rows to fit to, batch by batch, see `Teacher`."""
        seen = 0
        for x, y, *rest in self.teacher.rows():
            x, y = rows.as_rows(self.eugen, x, y, seen)
            split = self.options.validation_split
            kept = ~rows.held_out(seen, len(x), split)
            seen += len(x)
            yield x[kept], y[kept], *(a if a is None else a[kept] for a in rest)

    def _judged_rows(self):
        if self.held_out:
            yield from self.kept
            return
        for x, y, weights, *_ in self.teacher.rows():
            x, y = rows.as_rows(self.eugen, x, y, 0)
            yield x, y, np.ones(len(x)) if weights is None else weights

    def error(self, function):
        """Relative error of a function of inputs on the judged rows."""
        return rows.relative_error(function, self._judged_rows())


def _solve(train, test, options, use_bias):
    ridge, count = options.ridge, len(train.features)
    if ridge == "auto":
        if test is None:
            raise ValueError(
                "`ridge='auto'` needs held-out rows. Pass more rows, a larger "
                f"`validation_split`, or a number. Received: {train.rows} rows"
            )
        return choose_ridge(train, test, use_bias)
    if ridge == 0 and train.rows < count:
        raise ValueError(
            f"{train.rows} rows do not determine {count} "
            "features: pass more rows, or `ridge` above 0 or 'auto'. "
            "Received: ridge=0"
        )
    return ridge, *train.solve(ridge, use_bias)
