"""What mkdocstrings is to know of the public names, an extension of Griffe.

Names that are also names of modules: `keras_randproj.convert` is a function
of the module `transfer/convert.py`. Python has the function under that name
as soon as it is imported; Griffe, which reads the source, would find the
module.

Classes that inherit their arguments, or have none: they get a signature and
their source like any other.
"""

import griffe


class PublicNames(griffe.Extension):
    """Has a package's names mean what the package exports."""

    def on_package(self, *, pkg, **kwargs):
        found = [
            (module, name, _defined(pkg, f"{module.path}.{name}"))
            for module in modules(pkg)
            for name in module.exports or ()
        ]
        for module, name, target in found:
            if target.is_class and not target.is_alias:
                target.set_member("__init__", _constructor(target))
            if target.path != f"{module.path}.{name}":
                alias = griffe.Alias(name, target, parent=module)
                module.set_member(name, alias)


def modules(module):
    """The module and all inside it."""
    yield module
    for inner in module.members.values():
        if not inner.is_alias and inner.is_module:
            yield from modules(inner)


def _defined(pkg, path):
    """The object behind a name, through imports of it."""
    *names, last = path.split(".")[1:]
    place = pkg
    for name in names:
        place = place.members[name]
    behind = place.imports.get(last, path) if place.is_module else path
    return place.members[last] if behind == path else _defined(pkg, behind)


def _constructor(cls):
    """`__init__` of a class, inherited or not, where the class stands."""
    parameters = list(cls.parameters) or [griffe.Parameter("self")]
    return griffe.Function(
        "__init__",
        lineno=cls.lineno,
        endlineno=cls.endlineno,
        parameters=griffe.Parameters(*parameters),
        parent=cls,
    )
