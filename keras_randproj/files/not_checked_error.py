"""The error that says that nothing was found, as nothing was looked at."""


class NotCheckedError(ValueError):
    """A file or a recipe that is neither right nor wrong: it was not checked.

    It is larger than a bound, or of a version or a family that this
    `keras_randproj` does not know.
    """
