"""The reference: its index, and a check of the built site.

    mkdocs build --strict && python tools/reference.py

fails where a public name, one in the `__all__` of a module, has no signature
on a page of the site, or lacks what its reader looks for: each argument, what
is returned, an example, the source.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import griffe
from public_names import modules

ROOT = Path(__file__).resolve().parent.parent
EXTENSIONS = ["dataclasses", str(ROOT / "tools" / "public_names.py")]
INTRODUCTION = """# All public names

Each name leads to its signature, its arguments and an example. What is not
listed here is not public: it may change in any release.
"""


def package():
    """The package as Griffe reads it: nothing is imported."""
    extensions = griffe.load_extensions(*EXTENSIONS)
    return griffe.load(
        "keras_randproj",
        search_paths=[ROOT],
        extensions=extensions,
        docstring_parser="google",
        docstring_options={"returns_named_value": False, "warnings": False},
    )


def public():
    """Public paths by the object that they name, shortest first."""
    found: dict = {}
    for module in modules(package()):
        for name in module.exports or ():
            member = module[name]
            if not member.is_module:
                target = member.final_target if member.is_alias else member
                found.setdefault(target, []).append(f"{module.path}.{name}")
    return {target: sorted(p, key=len) for target, p in found.items()}


def index():
    """The page that lists the public names."""
    lines = [INTRODUCTION]
    parts: dict = {}
    for target, paths in public().items():
        part = paths[0].rpartition(".")[0]
        parts.setdefault(part, []).append((paths[0], target))
    for part, names in sorted(parts.items()):
        lines += [f"## {part}", "", "| name | what it is |", "| --- | --- |"]
        lines += [
            f"| [`{path.rpartition('.')[2]}`][{path}] | {_summary(target)} |"
            for path, target in names
        ]
        lines.append("")
    return "\n".join(lines)


def faults(site):
    """What is missing on the pages of a built site, a line each.

    Args:
        site: Folder of the site.
    """
    entries: dict = {}
    for page in sorted(site.rglob("*.html")):
        reader = _Entries()
        reader.feed(page.read_text())
        entries |= reader.found
    for target, paths in public().items():
        there = [path for path in paths if path in entries]
        if not there:
            yield f"{paths[0]} is on no page"
        elif not target.is_attribute:
            for fault in _missing(target, entries[there[0]]):
                yield f"{there[0]}: {fault}"


def _missing(target, entry):
    """What a reader of an entry would look for in vain."""
    if "doc-signature" not in entry:
        yield "no signature"
    if "mkdocstrings-source" not in entry:
        yield "no source"
    text = target.docstring.value if target.docstring else ""
    error = any("Error" in str(base) for base in getattr(target, "bases", ()))
    if ">>>" not in text and "```python" not in text and not error:
        yield "no example"
    sections = {s.kind.value: s.value for s in target.docstring.parsed}
    told = {a.name.lstrip("*") for a in sections.get("parameters", ())}
    # "Further arguments of ..." stands for those of another entry.
    for parameter in () if "kwargs" in told else target.parameters:
        name = parameter.name.lstrip("*")
        if name not in {"self", "kwargs", *told}:
            yield f"nothing on the argument {name}"
    gives = target.is_function and str(target.returns) != "None"
    if gives and "returns" not in sections:
        yield "nothing on what it returns"


class _Entries(HTMLParser):
    """Classes of what stands below each heading of the reference."""

    def __init__(self):
        super().__init__()
        self.found: dict = {}
        self._classes: set = set()

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        classes = (values.get("class") or "").split()
        if "doc-heading" in classes:
            self._classes = self.found.setdefault(values["id"], set())
        elif re.fullmatch("h[1-6]", tag):
            self._classes = set()
        self._classes.update(classes)


def _summary(target):
    text = target.docstring.value if target.docstring else ""
    return " ".join(text.partition("\n\n")[0].split()).removesuffix(".")


def main():
    found = list(faults(ROOT / "site"))
    if found:
        sys.exit("\n".join(found))
    print(f"{len(public())} public names have their reference")


if __name__ == "__main__":
    main()
