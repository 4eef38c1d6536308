"""A PRP layer's vectors and low-rank path from rows, in closed form."""

from typing import Any

import numpy as np

from keras_randproj.layers import PRPDense
from keras_randproj.layers.kernel_and_bias import kernel_and_bias
from keras_randproj.transfer import rows
from keras_randproj.transfer.distillation_report import DistillationReport
from keras_randproj.transfer.low_rank import LowRank
from keras_randproj.transfer.low_rank import is_linear
from keras_randproj.transfer.low_rank import reduced_rank
from keras_randproj.transfer.normal_equations import NormalEquations
from keras_randproj.transfer.normal_equations import scaled_solve
from keras_randproj.transfer.teacher import Teacher

# Turns of each vector, and of the vectors and the low-rank path.
TURNS, ROUNDS = 10, 5
RIDGE = 1e-6


def can_fit(layer: Any) -> bool:
    """Whether a layer is one that `fit_prp` takes."""
    return isinstance(layer, PRPDense) and layer.depth == 1


def fit_prp(
    prp: PRPDense, teacher: Teacher, options: Any
) -> DistillationReport:
    """Fits `scale * (P^T (alpha * x)) + x U V + bias` by least squares.

    For a fixed alpha the best scale is known, and the other way round, so
    they take turns; what they leave goes to the low-rank path, which takes
    turns with them. All of it needs sums over rows only. Before an activation
    the targets are the teacher's own values there.

    Args:
        prp: A built `PRPDense` of depth 1.
        teacher: `Teacher` of one `Dense`.
        options: `fit.Options`: `validation_split` counts.

    Returns:
        A `DistillationReport`.
    """
    split = options.validation_split
    training, held_out = _split(teacher, split)
    held_out = [(x, y, w) for x, y, w, *_ in held_out if len(x)]
    if not held_out:
        held_out = [(x, y, w) for x, y, w, *_ in teacher.rows()]
    train = _sums(prp, teacher, training)
    gram, cross, mean_x, mean_y = train.centred(prp.use_bias)
    matrix = prp.projection.materialize()
    alpha = np.ones(len(matrix))
    left = np.zeros((len(matrix), prp.residual_rank))
    right = np.zeros((prp.residual_rank, prp.units))
    for _ in range(ROUNDS):
        rest = cross - gram @ (left @ right)
        alpha, scale = _vectors(matrix, gram, rest, alpha)
        if not prp.residual_rank:
            break
        rest = cross - gram @ (alpha[:, None] * matrix * scale)
        left, right = reduced_rank(gram, rest, prp.residual_rank)
    kernel = alpha[:, None] * matrix * scale + left @ right
    vectors: Any = prp  # Its weights are there once it is built.
    vectors.alpha.assign(alpha / prp.lr_multiplier)
    vectors.scale.assign(scale / prp.lr_multiplier)
    if prp.bias is not None:
        vectors.bias.assign(mean_y - mean_x @ kernel)
    if prp.residual_rank:
        vectors.residual_a.assign(left)
        vectors.residual_b.assign(right)
    stored = sum(
        int(np.prod(w.shape)) for w in prp.trainable_weights or prp.weights
    )
    rival = LowRank.of(teacher.layers, teacher.activations, stored)
    mean = np.mean(np.concatenate([y for _, y, _ in held_out]), axis=0)
    errors = {"mean_error": rows.relative_error(lambda x: mean, held_out)}
    if rival:
        rival.fit(lambda: _split(teacher, split)[0])
        errors["low_rank_error"] = rows.relative_error(rival, held_out)
    report = DistillationReport(
        layer=prp.path or prp.name,
        rows=train.rows,
        held_out_rows=sum(len(x) for x, _, _ in held_out),
        ridge=RIDGE,
        error=rows.relative_error(lambda x: rows.outputs(prp, x), held_out),
        parameters=prp.count_params(),
        stored=stored,
        low_rank_rank=rival.rank if rival else None,
        method="prp",
        **errors,
    )
    return report


def _split(teacher, split):
    """The rows to fit to, as an iterator, and those to judge by."""

    def part(chosen):
        seen = 0
        for x, y, *rest in teacher.rows():
            out = rows.held_out(seen, len(x), split) == chosen
            rows.check_finite(x, seen, "Inputs in `data`")
            rows.check_finite(y, seen, "Targets")
            seen += len(x)
            yield x[out], y[out], *(a if a is None else a[out] for a in rest)

    # Without held-out rows, errors are those of the fit itself.
    return part(False), part(split > 0)


def _sums(prp, teacher, training):
    kernel, bias = kernel_and_bias(teacher.layers[0])
    sums = NormalEquations(*kernel.shape)
    for x, y, weights, own, _ in training:
        if not is_linear(prp.activation):
            y = (x if own is None else own) @ kernel + bias
        sums.add(x, y, weights)
    if not sums.rows:
        raise ValueError(
            "`data` must have at least one row to solve on. Received: none"
        )
    return sums


def _vectors(matrix, gram, cross, alpha):
    """The best vectors around P, each in turn."""
    for _ in range(TURNS):
        scale = _scale(alpha[:, None] * matrix, gram, cross)
        system = gram * ((matrix * scale**2) @ matrix.T)
        wanted = np.sum(matrix * scale * cross, axis=1)
        alpha = scaled_solve(system, wanted[:, None], RIDGE)[:, 0]
    return alpha, _scale(alpha[:, None] * matrix, gram, cross)


def _scale(inner, gram, cross):
    size = np.einsum("ij,ij->j", inner, gram @ inner)
    found = np.einsum("ij,ij->j", inner, cross)
    return np.divide(found, size, out=np.zeros_like(size), where=size > 0)
