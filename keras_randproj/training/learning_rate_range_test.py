"""Finding a learning rate in one short run."""

import math
import numbers
import os
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_randproj._types import Config
from keras_randproj.arguments import positive_integer


class LearningRateRangeTest(keras.callbacks.Callback):
    """Sweeps the learning rate during `fit` and records the loss.

    Each batch is trained with a rate a constant factor above the one before.
    The sweep stops the training when it is complete or the loss diverges.
    Then weights, optimizer state and learning rate are what they were before:
    the run leaves no trace in the model. The optimizer may be wrapped, as
    `compile` does under `mixed_float16`: the scale of the loss comes back too.
    With `gradient_accumulation_steps`, the batches that only add up their
    gradients count as steps of the sweep.

    Vectors around a random matrix want other rates than a dense kernel, so
    run this whenever one replaces the other.

    Args:
        min_rate: Positive float, the first rate.
        max_rate: Float above `min_rate`, the last rate.
        steps: Integer of at least 10, the batches of a full sweep. `fit` has
            to offer as many: raise its `epochs` where the data is short.
        smoothing: Float in `[0, 1)`, how much of the running mean each step
            keeps. The mean is corrected for its start at zero.
        divergence: Float above 1. The sweep stops where the smoothed loss
            exceeds its minimum by `divergence - 1` times the minimum's size,
            or is not finite.

    Raises:
        ValueError: If an argument is not as above; in `fit`, if the
            optimizer's learning rate is a schedule or a function, if it has
            several (`keras.optimizers.MultiOptimizer`), or if `fit` is known
            to offer too few batches.

    Reference:
        Smith, "Cyclical Learning Rates for Training Neural Networks", 2017,
        arXiv 1506.01186.

    Example:

    >>> model = keras.Sequential([keras.Input((16,)), PRPDense(1)])
    >>> model.compile("adam", "mse")
    >>> x = keras.random.normal((320, 16), seed=1)
    >>> sweep = LearningRateRangeTest(steps=100)
    >>> history = model.fit(x, x[:, :1], epochs=10, callbacks=[sweep],
    ...                     verbose=0)
    >>> 1e-5 <= sweep.suggestion() <= 1
    True
    """

    def __init__(
        self,
        min_rate: float = 1e-4,
        max_rate: float = 10.0,
        steps: int = 100,
        smoothing: float = 0.9,
        divergence: float = 4.0,
    ) -> None:
        super().__init__()
        self.min_rate = _number("min_rate", min_rate, 0, math.inf)
        self.max_rate = _number("max_rate", max_rate, self.min_rate, math.inf)
        self.steps = positive_integer("steps", steps)
        if self.steps < 10:
            raise ValueError(
                f"`steps` must be at least 10. Received: steps={steps}"
            )
        self.smoothing = 0.0
        if smoothing != 0:
            self.smoothing = _number("smoothing", smoothing, 0, 1)
        self.divergence = _number("divergence", divergence, 1, math.inf)
        self._start_over()

    def _start_over(self):
        self.rates = []
        self.losses = []
        self.smoothed = []
        self.diverged = False
        self._mean = 0.0

    def on_train_begin(self, logs: Config | None = None) -> None:
        self._start_over()
        optimizer = self.model.optimizer
        _check_rate(optimizer)
        offered = self.params.get("steps")
        if offered is not None:
            offered *= self.params["epochs"]
            if offered < self.steps:
                raise ValueError(
                    f"The sweep needs {self.steps} batches and `fit` offers "
                    f"{offered}: raise its `epochs`, or lower `steps`. "
                    f"Received: epochs={self.params['epochs']}"
                )
        if not optimizer.built:
            optimizer.build(self.model.trainable_variables)
        self._before = [
            (variable, ops.convert_to_numpy(variable).copy())
            for variable in (*self.model.variables, *optimizer.variables)
        ]

    def on_train_batch_begin(
        self, batch: int, logs: Config | None = None
    ) -> None:
        done = len(self.rates) / (self.steps - 1)
        rate = self.min_rate * (self.max_rate / self.min_rate) ** done
        self.rates.append(rate)
        model = self.model
        model.optimizer.learning_rate = rate
        # Keras logs the mean over the epoch so far: make it this batch's.
        model.reset_metrics()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        loss = float(logs["loss"])
        self.losses.append(loss)
        keep = self.smoothing
        self._mean = keep * self._mean + (1 - keep) * loss
        smoothed = self._mean / (1 - keep ** len(self.losses))
        self.smoothed.append(smoothed)
        lowest = min(self.smoothed)
        rise = (self.divergence - 1) * abs(lowest)
        self.diverged = not math.isfinite(smoothed) or smoothed - lowest > rise
        if self.diverged or len(self.losses) == self.steps:
            self.model.stop_training = True

    def on_train_end(self, logs: Config | None = None) -> None:
        model = self.model
        for variable, value in self._before:
            variable.assign(value)
        model.reset_metrics()
        del self._before

    def suggestion(self) -> float:
        """A tenth of the rate at which the smoothed loss is lowest.

        Near that rate the training is about to become unstable; a tenth of it
        is a rate to train with, or to start a decay from.

        Returns:
            Float.

        Raises:
            ValueError: If there was no sweep, it ended at once, or the loss
                never fell.
        """
        if not any(map(math.isfinite, self.smoothed)):
            raise ValueError(
                "There is no sweep to take a rate from: call `fit` with this "
                "callback, and a lower `min_rate` if it diverged at once. "
                f"Received: losses={self.losses}"
            )
        lowest = int(np.nanargmin(self.smoothed))
        if lowest == 0:
            raise ValueError(
                "The loss fell nowhere in the sweep: lower `min_rate`. "
                f"Received: rates {self.min_rate:g} to {self.rates[-1]:g}"
            )
        return self.rates[lowest] / 10

    def plot(self, path: str | os.PathLike[str] | None = None) -> Any:
        """Draws loss against learning rate, with the suggestion.

        Args:
            path: File to write, or `None`.

        Returns:
            A `matplotlib.figure.Figure`.

        Raises:
            ImportError: If matplotlib is missing.
            ValueError: See `suggestion`.
        """
        from matplotlib.figure import Figure

        rate = self.suggestion()
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(self.rates, self.losses, alpha=0.3, label="each batch")
        axes.plot(self.rates, self.smoothed, label="smoothed")
        axes.axvline(
            rate, linestyle="--", color="gray", label=f"suggested {rate:.2g}"
        )
        axes.set_xscale("log")
        top = max(self.smoothed[0], *self.losses[: len(self.losses) // 2])
        axes.set_ylim(min(0, *self.smoothed), 1.2 * top)
        axes.set_xlabel("learning rate")
        axes.set_ylabel("loss")
        axes.legend()
        if path is not None:
            figure.savefig(path, dpi=120)
        return figure


def _check_rate(optimizer):
    """Refuses an optimizer whose learning rate cannot be set."""
    # A wrapper such as LossScaleOptimizer gives the rate of what it wraps.
    rate = getattr(optimizer, "learning_rate", None)
    if isinstance(rate, keras.Variable):
        return
    owner = f"the optimizer '{optimizer.name}' ({type(optimizer).__name__})"
    if rate is None:
        raise ValueError(
            "`LearningRateRangeTest` sweeps one learning rate: compile the "
            "model with an optimizer that has one. "
            f"Received: {owner}, which has several or none"
        )
    raise ValueError(
        "`LearningRateRangeTest` sets the learning rate itself: compile the "
        "model with a number, and put the schedule or function back "
        f"afterwards. Received: {owner}, whose learning rate is computed and "
        f"now is {float(rate):g}"
    )


def _number(name, value, above, below):
    valid = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not valid or not above < value < below:
        raise ValueError(
            f"`{name}` must be a finite number above {above:g}"
            + (f" and below {below:g}" if below < math.inf else "")
            + f". Received: {name}={value!r}"
        )
    return float(value)
