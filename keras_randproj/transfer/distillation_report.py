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
        parameters: All numbers of the EUGen, frozen ones too.
        stored: Numbers of a file: what is trained, and chosen rows' indices.
        neurons: How many trained neurons of the teacher were kept.
        residual_rank: How many directions are features of their own.
        low_rank_error: Of the teacher's layers at a rank that stores as many
            numbers, fitted to the same rows; `None` where the teacher is no
            dense layer, or not even rank 1 is that small.
        low_rank_rank: That rank.
        low_rank_in_memory_error: The same where it may have as many numbers
            as the EUGen has in memory, its frozen matrices counted.
        low_rank_in_memory_rank: That rank.
        neurons_error: Of the teacher's neurons alone, as many as store as
            many numbers, chosen likewise; `None` without a pool.
        keeps_activation: Whether the EUGen ends in the teacher's activation,
            and so stands for the linear part of the layer alone.
        method: What stands in the layer's place, see `distill`; `"prp"` for
            a `PRPDense`.

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
    mean_error: float
    parameters: int
    stored: int
    neurons: int = 0
    residual_rank: int = 0
    fine_tuned_error: float | None = None
    low_rank_error: float | None = None
    low_rank_rank: int | None = None
    low_rank_in_memory_error: float | None = None
    low_rank_in_memory_rank: int | None = None
    neurons_error: float | None = None
    keeps_activation: bool = False
    method: str = "eugen"

    @property
    def final_error(self) -> float:
        """The error after fine-tuning, if there was any."""
        tuned = self.fine_tuned_error
        return self.error if tuned is None else tuned

    @property
    def best_rival(self) -> str | None:
        """What has a smaller error and stores no more numbers, if anything."""
        rivals = {
            "the mean": self.mean_error,
            "a low rank": self.low_rank_error,
            "the teacher's own neurons": self.neurons_error,
        }
        errors = {k: v for k, v in rivals.items() if v is not None}
        best = min(errors, key=errors.__getitem__)
        return best if errors[best] < self.error else None

    def __str__(self) -> str:
        lines = [
            f"{self.layer}: {self.rows} rows, {self.held_out_rows} held out, "
            f"ridge {self.ridge:g}, {self.stored} numbers stored, "
            f"{self.parameters} in memory",
            f"  relative error             {self.error:.4f}",
        ]
        rest = (
            ("after fine-tuning", self.fine_tuned_error),
            ("the mean", self.mean_error),
            (f"rank {self.low_rank_rank}", self.low_rank_error),
            (
                f"rank {self.low_rank_in_memory_rank}, memory",
                self.low_rank_in_memory_error,
            ),
            ("neurons alone", self.neurons_error),
        )
        lines += [
            f"  {name:<26} {error:.4f}"
            for name, error in rest
            if error is not None
        ]
        if self.keeps_activation:
            lines.append("  It ends in the teacher's own activation.")
        if self.best_rival:
            lines.append(f"  Here {self.best_rival} would be better.")
        return "\n".join(lines)
