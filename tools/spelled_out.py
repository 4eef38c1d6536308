"""Abbreviations are spelled out where a page first has them, with a link."""

import re

WORDS = {
    "PRP": (
        "[Parametrized Random Projection](https://arxiv.org/abs/2512.13480)"
    ),
    "EUGen": (
        "[Efficient, Unified and General dense layers]"
        "(https://arxiv.org/abs/2410.09771)"
    ),
}
# What is no prose: code, comments, headings, tables, links, directives.
ELSEWHERE = (
    r"^---\n.*?^---$|^ *```.*?^ *```$|<!--.*?-->|^#.*?$|^\|.*?$|^ {4}.*?$"
    r"|`[^`\n]*`|\[[^\]\n]*\]\([^)\n]*\)|^:::.*?$"
)


def spelled_out(text):
    """The Markdown of a page with each abbreviation spelled out once."""
    for word, meaning in WORDS.items():
        if meaning.rpartition("(")[2] not in text:
            prose = rf"{ELSEWHERE}|(\b{word}s?\b(?![-\w]))"
            all_found = re.finditer(prose, text, re.MULTILINE | re.DOTALL)
            end = next((found.end(1) for found in all_found if found[1]), None)
            if end is not None:
                text = f"{text[:end]} ({meaning}){text[end:]}"
    return text
