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
ELSEWHERE = re.compile(
    r"^---\n.*?^---$|^ *```.*?^ *```$|<!--.*?-->|^#.*?$|^\|.*?$|^ {4}.*?$"
    r"|`[^`\n]*`|\[[^\]\n]*\]\([^)\n]*\)|^:::.*?$",
    re.MULTILINE | re.DOTALL,
)


def spelled_out(text):
    """Markdown with each abbreviation spelled out once.

    Args:
        text: Markdown of a page.
    """
    for word, meaning in WORDS.items():
        if meaning.rpartition("(")[2] in text:
            continue
        for found in re.finditer(rf"\b{word}s?\b(?![-\w])", text):
            taken = any(
                there.start() <= found.start() < there.end()
                for there in ELSEWHERE.finditer(text)
            )
            if not taken:
                end = found.end()
                text = f"{text[:end]} ({meaning}){text[end:]}"
                break
    return text
