"""Abbreviations are spelled out where a reader first meets them."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def spelled_out(monkeypatch):
    tools = Path(__file__).parents[1] / "tools"
    monkeypatch.syspath_prepend(str(tools))
    from spelled_out import spelled_out

    yield spelled_out
    sys.modules.pop("spelled_out", None)


def test_in_prose_once_and_nowhere_else(spelled_out):
    text = (
        "# PRP\n\n`PRP` and [PRP](a.md), PRPDense.\n\n"
        "```python\nPRP\n```\n\n| PRP |\n\nThen PRP, and PRP again.\n"
    )
    found = spelled_out(text)
    head, _, tail = found.partition("Then ")
    assert head == text.partition("Then ")[0]
    assert tail.startswith("PRP ([Parametrized Random Projection](https://")
    assert tail.endswith("), and PRP again.\n")


def test_a_page_that_says_it_is_left(spelled_out):
    text = "PRP is [this](https://arxiv.org/abs/2512.13480).\n"
    assert spelled_out(text) == text
