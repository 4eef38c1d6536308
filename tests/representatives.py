"""Cases that differ in what no backend takes part in."""

import pytest


def run_everywhere(names, cases):
    """The cases, of which all but those that are named run on one backend.

    Args:
        names: Those that stand for the others on every backend.
        cases: List or dict; a tuple is a case of several arguments.

    Returns:
        A list for `pytest.mark.parametrize`.
    """
    assert all(name in cases for name in names)
    marked = []
    for case in cases:
        values = case if isinstance(case, tuple) else (case,)
        marks = () if case in names else pytest.mark.one_backend
        marked.append(pytest.param(*values, marks=marks))
    return marked
