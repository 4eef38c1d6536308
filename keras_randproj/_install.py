"""How the package is installed: what messages, pages and notebooks say."""

# True as soon as a release is on PyPI.
PUBLISHED = False
NAME = "keras-randproj"


def command(extras: str) -> str:
    """What a user types to have the package with some of its extras.

    Args:
        extras: Names of extras, `"torch,demo"`.

    Returns:
        String, a command of the shell.
    """
    if PUBLISHED:
        return f"pip install '{NAME}[{extras}]'"
    return f"pip install '.[{extras}]'"


def advice(extras: str) -> str:
    """The same in a sentence, for a user who may be anywhere."""
    where = "" if PUBLISHED else f", in a checkout of {NAME}"
    return f"{command(extras)}{where}"
