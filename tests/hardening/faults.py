"""Puts faults of one place into the code, and counts those that tests notice.

    python -m tests.hardening.faults --faults 100 --json faults.json

A fault is a comparison turned round, a number changed by one, an argument
left out, a statement dropped, and the like. Which are drawn is a function of
`--seed`. Each runs in a fork of a process that has imported the framework, with
the tests that belong to the file, on PyTorch; `--only 17` does one again.
"""

import argparse
import ast
import contextlib
import json
import os
import random
import resource
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_randproj"
FOLDERS = ("matrices", "files", "projections", "layers")
# The first that a path begins with.
TESTS = {
    "matrices/": [
        "matrices/test_contract.py",
        "matrices/test_golden.py",
        "matrices/test_min_units.py",
        "matrices/test_philox.py",
        "files/test_verify.py",
        "files/test_recipes.py",
        "test_failure_cases.py",
    ],
    "files/": ["files", "layers/test_whole_load.py", "projections"],
    "projections/": [
        "projections",
        "files/test_recipes.py",
        "layers/test_prp_dense.py",
        "layers/test_prp_dense_errors.py",
    ],
    "layers/attention/": [
        "layers/test_prp_multi_head_attention.py",
        "layers/test_prp_transformer_block.py",
    ],
    "layers/eugen/": [
        "layers/test_eugen_dense.py",
        "layers/test_eugen_unbiased.py",
        "layers/test_whole_load.py",
        "transfer/test_activation_polynomials.py",
    ],
    "layers/": [
        "layers/test_prp_dense.py",
        "layers/test_prp_dense_errors.py",
        "layers/test_prp_dense_keras.py",
        "layers/test_prp_transformer_block.py",
        "layers/test_whole_load.py",
        "layers/test_inputs.py",
        "test_neighbours.py",
        "transfer/test_convert.py",
    ],
}
# What takes seconds and processes, and says little of a fault.
LEFT_OUT = "not mean_and_variance and not another_backend and not in_fit"
SECONDS = 150

COMPARISONS = {
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}
OPERATORS = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "+",
    ast.Div: "*",
    ast.FloorDiv: "*",
    ast.Mod: "//",
    ast.LShift: ">>",
    ast.RShift: "<<",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.Pow: "*",
}


def candidates(path):
    """Every fault that a file may get: `(node, text in its place)`."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        for statement in node.body:
            if not _is_text(statement):
                for inner in ast.walk(statement):
                    for text in _faults_of(inner):
                        yield inner, text


def _is_text(node):
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _faults_of(node):
    """Texts that may stand in the place of a node."""
    source = ast.unparse
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        turned = COMPARISONS[type(node.ops[0])]
        yield f"({source(node.left)} {turned} {source(node.comparators[0])})"
    elif isinstance(node, ast.BoolOp):
        word = " or " if isinstance(node.op, ast.And) else " and "
        yield "(" + word.join(f"({source(v)})" for v in node.values) + ")"
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield f"({source(node.operand)})"
    elif isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        if not isinstance(node.left, ast.JoinedStr):
            turned = OPERATORS[type(node.op)]
            yield f"(({source(node.left)}) {turned} ({source(node.right)}))"
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield str(node.value + 1)
    elif isinstance(node, ast.IfExp):
        yield f"({source(node.body)})"
        yield f"({source(node.orelse)})"
    elif isinstance(node, ast.Call) and node.keywords:
        kept = [source(each) for each in node.args]
        kept += [
            f"{k.arg}={source(k.value)}" if k.arg else f"**{source(k.value)}"
            for k in node.keywords[:-1]
        ]
        if node.keywords[-1].arg:
            yield f"{source(node.func)}({', '.join(kept)})"
    elif isinstance(node, (ast.Raise, ast.AugAssign)) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield "pass"


def draw(seed, count):
    """`count` faults: path, node and text, all of them equally likely."""
    every = [
        (path, node, text)
        for folder in FOLDERS
        for path in sorted((PACKAGE / folder).rglob("*.py"))
        for node, text in candidates(path)
    ]
    return random.Random(seed).sample(every, min(count, len(every)))


def spliced(text, node, new):
    """The source with another text where the node stands."""
    lines = text.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    head = lines[first][: node.col_offset]
    tail = lines[last][node.end_col_offset :]
    middle = head + new.encode() + tail
    return b"".join([*lines[:first], middle, *lines[last + 1 :]]).decode()


def tests_of(path):
    """Paths of the tests that belong to a file of the package."""
    name = str(path.relative_to(PACKAGE))
    chosen = next(
        tests for start, tests in TESTS.items() if name.startswith(start)
    )
    return [str(ROOT / "tests" / each) for each in chosen]


def noticed(path, source, log):
    """Whether the file's tests fail with this source, in a fork."""
    child = os.fork()
    if not child:
        code = 1
        with contextlib.suppress(BaseException):
            code = _test(path, source, log)
        os._exit(bool(code))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def _test(path, source, log):
    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(PACKAGE, Path(folder, PACKAGE.name))
        target = Path(folder, path.relative_to(ROOT))
        target.write_text(source)
        sys.path.insert(0, folder)
        os.environ["PYTHONPATH"] = folder
        arguments = ["-x", "-W", "ignore", "-k", LEFT_OUT, "--tb=line"]
        return pytest.main([*arguments, *tests_of(path)])


def _import_frameworks():
    """What every fork shares; none of the package."""
    sys.path.insert(0, str(ROOT / "tests"))
    import conftest  # noqa: F401 - It imports Keras.
    import h5py  # noqa: F401
    import hypothesis  # noqa: F401
    import pytest  # noqa: F401
    import scipy.sparse  # noqa: F401

    assert "keras_randproj" not in sys.modules


def run(seed, count, only, log):
    """Yields a dict a fault, with `noticed`."""
    _import_frameworks()
    for number, (path, node, new) in enumerate(draw(seed, count)):
        if only not in (None, number):
            continue
        assert "keras_randproj" not in sys.modules
        text = path.read_text()
        yield {
            "number": number,
            "file": str(path.relative_to(PACKAGE)),
            "line": node.lineno,
            "was": ast.get_source_segment(text, node),
            "is": new,
            "noticed": noticed(path, spliced(text, node, new), log),
        }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--log", default=os.devnull, help="of the last tests")
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    rows = []
    faults = run(options.seed, options.faults, options.only, options.log)
    for row in faults:
        rows.append(row)
        print(json.dumps(row), flush=True)
    if options.json:
        # It imports the package, which no fork may have.
        from experiments.results_file import where
        from experiments.results_file import write

        what = "python -m tests.hardening.faults"
        write(options.json, what, [where()], rows, seed=options.seed)
    share = sum(row["noticed"] for row in rows) / len(rows)
    print(f"{len(rows)} faults, {share:.1%} noticed")


if __name__ == "__main__":
    main()
