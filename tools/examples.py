"""Docstrings of Keras's form as Markdown, an extension of Griffe.

Keras writes examples without indentation, where Markdown takes `>>>` for
quotes.
"""

import re

import griffe

SESSION = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class Examples(griffe.Extension):
    """Fences what is typed into Python, with its output."""

    def on_instance(self, *, obj, **kwargs):
        if obj.docstring:
            obj.docstring.value = fenced(obj.docstring.value)


def fenced(text):
    """The text with each session of Python in a block of code."""
    return SESSION.sub(lambda found: f"```pycon\n{found[0]}\n```", text)
