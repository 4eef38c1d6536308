"""Tables of the tutorial on open questions."""

from cells import NotRun
from cells import head
from cells import row
from cells import spread
from cells import tutorial
from cells import where

NAME = "07_ablations.json"


def accuracies(question):
    """A function that makes the table of a question."""

    def table():
        lines = head("", "trained numbers", "accuracy, %", "seeds")
        for variant, rows in _asked(question).items():
            lines.append(
                row(
                    variant,
                    f"{rows[0]['trained_numbers']:,}",
                    spread(_percents(rows, "accuracy")),
                    str(len(rows)),
                )
            )
        return [*lines, *_source()]

    return table


def attention():
    """Losses of the character GPT, of which these are a part."""
    lines = head("attention", "its trained numbers", "held-out loss", "seeds")
    for variant, rows in _asked("attention").items():
        lines.append(
            row(
                variant,
                f"{rows[0]['trained_numbers']:,}",
                spread([r["loss"] for r in rows], digits=3),
                str(len(rows)),
            )
        )
    return lines


def activations():
    """Errors of polynomials, and what they do to a classifier."""
    lines = head("activation", "error, degree 2", "trained, %", "distilled, %")
    for variant, rows in _asked("activation").items():
        lines.append(
            row(
                variant,
                f"{rows[0]['polynomial_error']:.3f}",
                spread(_percents(rows, "teacher_accuracy")),
                spread(_percents(rows, "accuracy")),
            )
        )
    return [*lines, *_source()]


def _asked(question):
    """Rows of a question, by variant."""
    found: dict = {}
    for r in tutorial(NAME)["rows"]:
        if r["question"] == question:
            found.setdefault(r["variant"], []).append(r)
    if not found:
        raise NotRun("tutorials/07_ablations.py")
    return found


def _percents(rows, key):
    return [100 * r[key] for r in rows]


def _source():
    data = tutorial(NAME)
    return ["", f"`python tutorials/07_ablations.py`; {where(data)}."]
