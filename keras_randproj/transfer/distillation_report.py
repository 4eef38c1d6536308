"""What a distillation reached, beside what costs no more."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DistillationReport:
    """Relative errors `||y - target|| / ||target||` on held-out rows.

    Where `ridge="auto"` chose the ridge on the same held-out rows, the error
    is a little optimistic: one number was chosen on them.

    Args:
        layer: Path of the layer.
        rows: Rows that were solved on.
        held_out_rows: Rows that the errors are of; without any, errors are
            those on the rows solved on.
        ridge: The ridge, relative to the features' variance.
        error: Of the closed form.
        fine_tuned_error: After fine-tuning, or `None`.
        mean_error: Of predicting the targets' mean.
        low_rank_error: Of the teacher's kernel cut to `rank` by its SVD, with
            the teacher's activation; `None` where the teacher has no kernel.
        rank: The rank at which that has as many numbers as the EUGen, its
            frozen matrices counted.
        parameters: All numbers of the EUGen, frozen ones too.

    Example:

    >>> teacher = keras.layers.Dense(8, "relu")
    >>> x = np.random.default_rng(0).normal(size=(256, 16))
    >>> _ = teacher(x)
    >>> student = EUGenDense(8, num_features=8)
    >>> report = distill_layer(student, teacher, x, verbose=0)
    >>> report.error < report.mean_error
    True
    """

    layer: str
    rows: int
    held_out_rows: int
    ridge: float
    error: float
    fine_tuned_error: float | None
    mean_error: float
    low_rank_error: float | None
    rank: int | None
    parameters: int

    def __str__(self):
        lines = [
            f"{self.layer}: {self.rows} rows, {self.held_out_rows} held out, "
            f"ridge {self.ridge:g}, {self.parameters} parameters",
            f"  relative error      {self.error:.4f}",
        ]
        if self.fine_tuned_error is not None:
            lines.append(f"  after fine-tuning   {self.fine_tuned_error:.4f}")
        lines.append(f"  the mean            {self.mean_error:.4f}")
        if self.low_rank_error is not None:
            lines.append(
                f"  SVD of rank {self.rank:<7} {self.low_rank_error:.4f}"
            )
        return "\n".join(lines)
