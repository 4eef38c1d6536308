"""Damage to the JSON of a configuration."""

import copy
import json

# A module that tells when it is imported, see `sentinel`.
TRAP = "fuzz_trap"

VALUES = (
    None,
    True,
    0,
    -1,
    1,
    2,
    0.5,
    2**20,
    2**31,
    2**40,
    2**64,
    1e308,
    float("nan"),
    float("-inf"),
    "",
    "relu",
    "hadamard",
    "gaussian",
    "\u0000\u202e",
    "x" * 10_000,
    [],
    [None],
    [[]],
    {},
    {"class_name": "Dense"},
)
SIZES = (
    "units",
    "depth",
    "residual_rank",
    "num_features",
    "order",
    "num_heads",
    "num_key_value_heads",
    "key_dim",
    "value_dim",
    "output_shape",
    "intermediate_dim",
    "batch_shape",
    "input_shape",
    "build_input_shape",
)
LAMBDA = {
    "module": "keras.layers",
    "class_name": "Lambda",
    "config": {
        "name": "bad",
        "function": {
            "class_name": "__lambda__",
            "config": {"code": "4wAAAAA=", "defaults": None, "closure": None},
        },
    },
    "registered_name": None,
}
CALLABLES = (
    ("os", "system"),
    ("builtins", "eval"),
    ("builtins", "exec"),
    ("subprocess", "Popen"),
    (TRAP, "run"),
    (f"keras.{TRAP}", "run"),
    ("keras.src.utils.file_utils", "get_file"),
    ("keras_randproj.cli", "main"),
)


def _places(tree, path=()):
    """Paths of everything below the root."""
    items = ()
    if isinstance(tree, dict):
        items = tree.items()
    elif isinstance(tree, list):
        items = enumerate(tree)
    for key, value in items:
        yield (*path, key)
        yield from _places(value, (*path, key))


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def _any(tree, rng, wanted=lambda path: True):
    every = list(_places(tree))
    some = [path for path in every if wanted(path)] or every
    return some[rng.integers(len(some))]


def _set(tree, path, value):
    _at(tree, path[:-1])[path[-1]] = value
    return tree


def change_value(tree, rng):
    value = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
    return _set(tree, _any(tree, rng), value)


def change_key(tree, rng):
    path = _any(tree, rng, lambda path: isinstance(path[-1], str))
    parent = _at(tree, path[:-1])
    parent[path[-1] + "_"] = parent.pop(path[-1])
    return tree


def delete_key(tree, rng):
    path = _any(tree, rng)
    del _at(tree, path[:-1])[path[-1]]
    return tree


def swap_parts(tree, rng):
    a, b = _any(tree, rng), _any(tree, rng)
    if a[: len(b)] == b or b[: len(a)] == a:
        return delete_key(tree, rng)
    first, second = _at(tree, a), _at(tree, b)
    return _set(_set(tree, a, second), b, first)


def huge_size(tree, rng):
    """Sizes of gigabytes where sizes stand."""
    path = _any(tree, rng, lambda path: path[-1] in SIZES)
    size = int((2**16, 2**24, 2**31, 2**40)[rng.integers(4)])
    shaped = isinstance(_at(tree, path), list)
    return _set(tree, path, [None, size] if shaped else size)


def nest_deeply(tree, rng):
    depth = (50, 1_000, 50_000)[rng.integers(3)]
    path = _any(tree, rng)
    text = json.dumps(_set(tree, path, "@@"))
    return text.replace('"@@"', "[" * depth + "]" * depth)


def repeat_part(tree, rng):
    """A list gets one of its items again, a dict a copy of itself."""
    path = _any(tree, rng)
    part = _at(tree, path)
    if isinstance(part, list) and part:
        part.append(copy.deepcopy(part[-1]))
    elif isinstance(part, dict):
        part["config"] = copy.deepcopy(part)
    else:
        _set(tree, path, [part, part])
    return tree


def smuggle_lambda(tree, rng):
    path = _any(tree, rng, lambda path: isinstance(_at(tree, path), dict))
    return _set(tree, path, copy.deepcopy(LAMBDA))


def smuggle_callable(tree, rng):
    """Names a function of another module where a class stands."""
    path = _any(tree, rng, lambda path: path[-1] == "class_name")
    module, name = CALLABLES[rng.integers(len(CALLABLES))]
    parent = _at(tree, path[:-1])
    if not isinstance(parent, dict):
        # The tree names no class: it becomes one.
        _set(tree, path, parent := {})
    parent.update(module=module, class_name=name, registered_name=name)
    if rng.integers(2):
        parent["class_name"] = "function"
        parent["config"] = name
    return tree


def cut_text(tree, rng):
    text = json.dumps(tree)
    return text[: rng.integers(len(text))]


MUTATIONS = (
    change_value,
    change_value,
    change_value,
    change_key,
    delete_key,
    swap_parts,
    huge_size,
    nest_deeply,
    repeat_part,
    smuggle_lambda,
    smuggle_callable,
    cut_text,
)
