"""The sums over a teacher's rows, and the rows that judge."""

import functools
from typing import Any
from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from keras_randproj.transfer import rows
from keras_randproj.transfer.low_rank import before_activation
from keras_randproj.transfer.low_rank import is_linear
from keras_randproj.transfer.normal_equations import NormalEquations
from keras_randproj.transfer.normal_equations import SumsToChooseBy
from keras_randproj.transfer.normal_equations import choose_ridge
from keras_randproj.transfer.pool import Pool

# Most rows that are held out.
MOST_HELD_OUT = 2**15


class Head(NamedTuple):
    """Chosen features, `None` without a pool, and the best head on them."""

    choice: Any
    ridge: float
    kernel: np.ndarray
    bias: np.ndarray


class RowsToFit:
    """The sums over rows, and the rows that are held out.

    Where the EUGen ends in an activation, its head is fitted to what goes
    into the teacher's; errors are always those of outputs.

    Args:
        eugen: `EUGenDense`.
        teacher: `Teacher`.
        options: `fit.Options`.
    """

    def __init__(self, eugen: Any, teacher: Any, options: Any) -> None:
        self.eugen, self.teacher, self.options = eugen, teacher, options
        self.train: Any = None
        self.pool: Any = None
        self.kept: list[tuple[Any, ...]] = []
        self.held_out = 0
        self.targets = np.zeros(eugen.units)
        self._sum_up()

    def _sum_up(self):
        eugen, options = self.eugen, self.options
        seen = 0
        bar = keras.utils.Progbar(
            None, unit_name="batch", verbose=options.verbose
        )
        features: Any = None
        for x, y, weights, own, _ in self.teacher.rows():
            x, y = rows.as_rows(eugen, x, y, seen)
            if features is None:
                features = self._start()
            out = rows.held_out(seen, len(x), options.validation_split)
            self._keep(*(_take(a, out) for a in (x, y, weights, own)))
            wanted = self._wanted(x, y, own)
            for part in rows.chunks(np.flatnonzero(~out)):
                found = ops.convert_to_numpy(features(x[part]))
                rows.check_finite(found, seen, "The features of `data`")
                weight = _take(weights, part)
                self.train.add(found, wanted[part], weight)
                self.targets += _sum(y[part], weight)
            seen += len(x)
            bar.add(1)
        if options.verbose:
            print()
        if self.train is None or not self.train.rows:
            raise ValueError(
                "`data` must have at least one row to solve on. Received: "
                f"{seen} rows, validation_split={options.validation_split}"
            )

    def _wanted(self, x, y, own):
        """What the head should give."""
        if is_linear(self.eugen.activation):
            return y
        teacher = self.teacher
        x = x if own is None else own.reshape(x.shape)
        return before_activation(teacher.layers, teacher.activations, x)

    def _start(self):
        eugen, options = self.eugen, self.options
        features = eugen.features
        if options.pool is not None:
            neurons = self.teacher.neurons
            same = neurons is not None and (
                self.teacher.activations[0] == features.feature_activation
            )
            # Before an activation a linear layer has no neurons to offer.
            before = len(self.teacher.layers) == 1 and not is_linear(
                eugen.activation
            )
            if options.neurons and not (same or before):
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

    def _keep(self, x, y, weights, own):
        room = MOST_HELD_OUT - self.held_out
        if len(x) and room > 0:
            weights = np.ones(len(x)) if weights is None else weights
            self.kept.append(
                tuple(_take(a, slice(room)) for a in (x, y, weights, own))
            )
            self.held_out += min(room, len(x))

    @property
    def has_neurons(self):
        """Whether neurons are in the pool."""
        return self.pool is not None and self.pool.neurons is not None

    @property
    def mean(self):
        """The mean of the targets."""
        return self.targets / self.train.weight

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
        return Head(chosen, *_solve(train, test, self.options, use_bias))

    @functools.cached_property
    def _products(self):
        """Of the pool's features, with each other and the targets."""
        products = self.train.centred(self.eugen.use_bias)[:2]
        return self.pool.reduce(*products)

    def _sums(self, features, given):
        """The sums of some features over some rows, `None` without rows."""
        sums = None
        for x, y, weights, own, *_ in given:
            wanted = self._wanted(x, y, own)
            for part in rows.chunks(np.arange(len(x))):
                found = ops.convert_to_numpy(features(x[part]))
                if sums is None:
                    sums = NormalEquations(found.shape[1], y.shape[1])
                sums.add(found, wanted[part], _take(weights, part))
        return sums

    def training_rows(self):
        """The rows to fit to, batch by batch, see `Teacher`."""
        seen = 0
        for x, y, *rest in self.teacher.rows():
            x, y = rows.as_rows(self.eugen, x, y, seen)
            split = self.options.validation_split
            kept = ~rows.held_out(seen, len(x), split)
            seen += len(x)
            yield tuple(_take(a, kept) for a in (x, y, *rest))

    def _judged_rows(self):
        if self.held_out:
            yield from (found[:3] for found in self.kept)
            return
        for x, y, weights, *_ in self.teacher.rows():
            x, y = rows.as_rows(self.eugen, x, y, 0)
            yield x, y, weights

    def error(self, function):
        """Relative error of a function of inputs on the judged rows."""
        return rows.relative_error(function, self._judged_rows())


def _take(array, part):
    return array if array is None else array[part]


def _sum(y, weights):
    return y.sum(axis=0, dtype="float64") if weights is None else weights @ y


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
