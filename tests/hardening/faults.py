"""Puts faults of one place into the code, and counts those that tests notice.

    python -m tests.hardening.lines --json lines.json
    python -m tests.hardening.faults --lines lines.json --json faults.json

A fault is a comparison turned round, a number changed by one, an argument
left out, a statement dropped, and the like. Which are drawn is a function of
`--seed`. Each is run with the tests that run its line on PyTorch, a minute of
them at most; `--only 17 --budget 1000` does one again, with all of them.
"""

import argparse
import ast
import itertools
import json
import os
import random
from pathlib import Path

from . import fault_runs

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_randproj"
FOLDERS = ("matrices", "files", "projections", "layers")
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
    drawn = random.Random(seed).sample(every, min(2 * count, len(every)))
    real = (each for each in drawn if not fault_runs.unchanged(*each))
    return list(itertools.islice(real, count))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=Path, required=True)
    parser.add_argument("--faults", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, nargs="*")
    parser.add_argument("--budget", type=float, default=fault_runs.BUDGET)
    parser.add_argument("--log", type=Path, help="a line of JSON a fault")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    drawn = dict(enumerate(draw(options.seed, options.faults)))
    wanted = drawn if options.only is None else options.only
    faults = [(k, *drawn[k]) for k in wanted]
    rows = []

    def report(row):
        path, node, new = drawn[row["number"]]
        row = {
            "file": str(path.relative_to(PACKAGE)),
            "line": node.lineno,
            "was": ast.get_source_segment(path.read_text(), node),
            "is": new,
            **row,
        }
        rows.append(row)
        if options.log:
            with options.log.open("a") as file:
                file.write(json.dumps(row) + "\n")

    fault_runs.run(options.lines, faults, report, options.budget)
    if options.json:
        from experiments.results_file import where
        from experiments.results_file import write

        what = "python -m tests.hardening.faults"
        settings = {"seed": options.seed, "budget": options.budget}
        write(options.json, what, [where()], rows, **settings)
    share = sum(row["noticed"] for row in rows) / len(rows)
    print(f"{len(rows)} faults, {share:.1%} noticed")


if __name__ == "__main__":
    main()
