"""The reference: its index, and a check of the built site.

    mkdocs build --strict && python tools/reference.py

fails where a public name, one in the `__all__` of a module, is not rendered on
a page as what it is (by mkdocstrings' own inventory of the site), or lacks what
its reader looks for: each argument, what is returned, an example.
"""

import sys
from pathlib import Path

import griffe
from mkdocstrings import Inventory
from public_names import modules

ROOT = Path(__file__).resolve().parent.parent
EXTENSIONS = ["dataclasses", str(ROOT / "tools" / "public_names.py")]
INTRODUCTION = """# All public names

Each name leads to its signature, its arguments and an example. What is not
listed here is not public: it may change in any release.
"""


def public():
    """Public paths by the object that they name, shortest first."""
    package = griffe.load(  # It reads the sources: nothing is imported.
        "keras_randproj",
        search_paths=[ROOT],
        extensions=griffe.load_extensions(*EXTENSIONS),
        docstring_parser="google",
        docstring_options={"returns_named_value": False, "warnings": False},
    )
    found: dict = {}
    for module in modules(package):
        for name in module.exports or ():
            member = module[name]
            if not member.is_module:
                target = member.final_target if member.is_alias else member
                found.setdefault(target, []).append(f"{module.path}.{name}")
    return {target: sorted(p, key=len) for target, p in found.items()}


def index():
    """The page that lists the public names."""
    parts: dict = {}
    for target, (path, *_) in public().items():
        module, _, name = path.rpartition(".")
        text = target.docstring.value if target.docstring else ""
        summary = " ".join(text.partition("\n\n")[0].split()).removesuffix(".")
        line = f"| [`{name}`][{path}] | {summary} |"
        parts.setdefault(module, []).append(line)
    head = ["", "| name | what it is |", "| --- | --- |"]
    tables = (
        "\n".join([f"## {part}", *head, *lines, ""])
        for part, lines in sorted(parts.items())
    )
    return "\n".join([INTRODUCTION, *tables])


def faults(site):
    """What is missing on the pages of a built site, a line each.

    Args:
        site: Folder of the site.
    """
    with open(site / "objects.inv", "rb") as file:
        rendered = Inventory.parse_sphinx(file)
    for target, paths in public().items():
        # A module of the same name is no reference of a function.
        roles = {rendered[p].role for p in paths if p in rendered}
        if target.is_attribute and roles & {"attribute", "data"}:
            continue
        if target.kind.value not in roles:
            yield f"{paths[0]}, a {target.kind.value}, has no signature"
        for fault in _missing(target):
            yield f"{paths[0]}: {fault}"


def _missing(target):
    """What a reader of a docstring would look for in vain."""
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


if __name__ == "__main__":
    found = list(faults(ROOT / "site"))
    if found:
        sys.exit("\n".join(found))
    print(f"{len(public())} public names have their reference")
