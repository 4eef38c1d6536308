"""What mkdocstrings is to know of the public names, an extension of Griffe.

Names that are also names of modules: `keras_randproj.convert` is a function
of the module `transfer/convert.py`. Python has the function under that name
as soon as it is imported; Griffe, which reads the source, would find the
module.

Classes that inherit their arguments, or have none: they get a signature and
their source like any other.

Examples: Keras writes them without indentation, where Markdown takes `>>>`
for quotes.
"""

import re

import griffe

SESSION = re.compile(r"^>>> .*(?:\n(?!\n).*)*", re.MULTILINE)


class PublicNames(griffe.Extension):
    """Has a package's names mean what the package exports."""

    def on_instance(self, *, obj, **kwargs):
        """Puts what is typed into Python, with its output, in a block."""
        if text := obj.docstring:
            text.value = SESSION.sub(r"```pycon\n\g<0>\n```", text.value)

    def on_package(self, *, pkg, **kwargs):
        found = [
            (module, name, _defined(pkg, f"{module.path}.{name}"))
            for module in modules(pkg)
            for name in module.exports or ()
        ]
        for module, name, target in found:
            if target.is_class and not target.is_alias:
                parameters = list(target.parameters) or [
                    griffe.Parameter("self")
                ]
                constructor = griffe.Function(
                    "__init__",
                    lineno=target.lineno,
                    endlineno=target.endlineno,
                    parameters=griffe.Parameters(*parameters),
                    parent=target,
                )
                target.set_member("__init__", constructor)
            if target.path != f"{module.path}.{name}":
                alias = griffe.Alias(name, target, parent=module)
                module.set_member(name, alias)


def modules(module):
    """The module and all inside it."""
    yield module
    for inner in module.modules.values():
        if not inner.is_alias:
            yield from modules(inner)


def _defined(pkg, path):
    """The object behind a name, through imports of it."""
    *names, last = path.split(".")[1:]
    place = pkg[names] if names else pkg
    behind = place.imports.get(last, path) if place.is_module else path
    return place.members[last] if behind == path else _defined(pkg, behind)
