"""The reason that an implementation gives."""


class Unsupported(Exception):
    """Says why an implementation cannot take a call."""
