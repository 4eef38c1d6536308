"""Texts from files, made fit for a terminal."""

MAX_LENGTH = 200


def printable(text: str, limit: int = MAX_LENGTH) -> str:
    """The text on one line, without control characters, and not too long.

    A name in a file may hold escape sequences of terminals, line breaks that
    begin a forged line, and a megabyte.

    Args:
        text: String, from a file or from a message that quotes one.
        limit: Integer, the most characters that are returned.

    Returns:
        String.

    Example:

    >>> printable("a" + chr(27) + "[2J")
    'a\\\\x1b[2J'
    """
    # Each character gives one at least: what follows is cut off anyway.
    head = text[: limit + 1]
    escaped = "".join(c if c.isprintable() else _escape(c) for c in head)
    if len(escaped) <= limit:
        return escaped
    return escaped[: limit - 3] + "..."


def _escape(character):
    return character.encode("unicode_escape").decode("ascii")
