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
from public_names import PublicNames
from public_names import modules

ROOT = Path(__file__).resolve().parent.parent
INTRODUCTION = """# All public names

Each name leads to its signature, its arguments and an example. What is not
listed here is not public: it may change in any release.
"""
TABLE = """
## {}

| name | what it is |
| --- | --- |
{}
"""


def public():
    """Public paths by the object that they name, shortest first."""
    package = griffe.load(  # It reads the sources: nothing is imported.
        "keras_randproj",
        search_paths=[ROOT],
        extensions=griffe.load_extensions("dataclasses", PublicNames),
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
    tables = (TABLE.format(p, "\n".join(parts[p])) for p in sorted(parts))
    return INTRODUCTION + "".join(tables)


def faults(target, roles):
    """What a reader of a name's reference would look for in vain.

    Args:
        target: Object that the name stands for.
        roles: What the site renders under the name: "function", "module", ...
    """
    if target.is_attribute and roles & {"attribute", "data"}:
        return
    # A module of the same name is no reference of a function.
    if target.kind.value not in roles:
        yield f"no signature of this {target.kind.value}"
    text = target.docstring.value if target.docstring else ""
    error = any("Error" in str(base) for base in getattr(target, "bases", ()))
    if not (">>>" in text or "```python" in text or error):
        yield "no example"
    sections = {s.kind.value: s.value for s in target.docstring.parsed}
    told = {a.name.lstrip("*") for a in sections.get("parameters", ())}
    # "Further arguments of ..." stands for those of another entry.
    for parameter in () if "kwargs" in told else target.parameters:
        if parameter.name.lstrip("*") not in {"self", "kwargs", *told}:
            yield f"nothing on the argument {parameter.name}"
    gives = target.is_function and str(target.returns) != "None"
    if gives and "returns" not in sections:
        yield "nothing on what it returns"


def main():
    with open(ROOT / "site" / "objects.inv", "rb") as file:
        site = Inventory.parse_sphinx(file)
    found = public()
    lines = [
        f"{paths[0]}: {fault}"
        for target, paths in found.items()
        for fault in faults(target, {site[p].role for p in paths if p in site})
    ]
    if lines:
        sys.exit("\n".join(lines))
    print(f"{len(found)} public names have their reference")


if __name__ == "__main__":
    main()
