"""What `verify` found, in words and as an exit status."""

from collections.abc import Sequence

from keras_randproj.files.verdict import Verdict

RIGHT, WRONG, NOT_CHECKED, NOTHING = range(4)
REMAINS = (
    "Not checked: learned parameters and the rest of the configuration. "
    "A signature of the file covers those."
)


def status(verdicts: Sequence[Verdict]) -> int:
    """The exit status: the worst that was found.

    Args:
        verdicts: What `verify` returned.

    Returns:
        0 where every recipe is right, 1 where one is wrong, 2 where one could
        not be checked, 3 where there is none.
    """
    if not verdicts:
        return NOTHING
    if any(v.checked and not v.ok for v in verdicts):
        return WRONG
    return RIGHT if all(v.ok for v in verdicts) else NOT_CHECKED


def text(verdicts: Sequence[Verdict]) -> str:
    """A line for each verdict, and one for what was not looked at.

    Args:
        verdicts: What `verify` returned.

    Returns:
        String of two or more lines.
    """
    lines = [verdict.text() for verdict in verdicts]
    return "\n".join([*(lines or ["The file holds no recipe."]), REMAINS])
