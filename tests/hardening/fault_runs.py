"""Runs the tests of a fault in a fork of a process that has collected them all.

A fault lies in a function. The fork gives every function of the file the code
that it has with the fault; nothing is imported again. The tests are those that
run the line, by `tests.hardening.lines`, the nearest and shortest first, until
one fails; then those that run others of the file, as what is cached runs once.
"""

import ast
import contextlib
import gc
import json
import os
import resource
import shutil
import signal
import tempfile
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_randproj"
# Seconds of tests that are run for one fault, as they were recorded; and how
# many times as long they may take.
BUDGET, PATIENCE = 60, 5
# What such a test takes at least: a process of another backend.
ALONE = 30


class Runner:
    """A plugin of pytest that runs faults instead of the tests.

    Args:
        lines: What `tests.hardening.lines` wrote.
        faults: Iterable of `(number, path, node, text)`.
        report: Function of a dict, called for each fault.
        budget: Number, seconds of tests a fault.
    """

    def __init__(self, lines, faults, report, budget=BUDGET):
        self.lines, self.seconds = lines["lines"], lines["seconds"]
        self.faults, self.report, self.budget = faults, report, budget

    def pytest_runtestloop(self, session):
        items = {item.nodeid: item for item in session.items}
        for number, path, node, text in self.faults:
            chosen, cut = self.chosen(items, path, node)
            found = run_apart(session, chosen, path, node, text)
            self.report(
                {"number": number, "tests": len(chosen), **found, "cut": cut}
            )
        return True

    def chosen(self, items, path, node):
        """The items that run a node's lines, and how many are left out."""
        name = str(path.relative_to(PACKAGE))
        lines = self.lines.get(name, {})
        first, others = set(), set()
        for line, tests in lines.items():
            inside = node.lineno <= int(line) <= node.end_lineno
            (first if inside else others).update(items.keys() & set(tests))
        folder, stem = Path(name).parts[0], Path(name).stem

        def order(test):
            near = test.startswith(f"tests/{folder}/")
            alone = "other_backend" in items[test].fixturenames
            same = stem in Path(test.split("::")[0]).stem
            seconds = self.seconds.get(test, 1)
            return test not in first, alone, not same, not near, seconds, test

        chosen, total = [], 0.0
        for test in sorted(first | others, key=order):
            alone = "other_backend" in items[test].fixturenames
            total += max(self.seconds.get(test, 1), ALONE * alone)
            if total > self.budget and chosen:
                break
            chosen.append(items[test])
        return chosen, max(0, len(first) - len(chosen))


def run_apart(session, items, path, node, text):
    """Whether a test failed, and which, as a dict."""
    if not items:
        return {"noticed": False, "by": None}
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        by = "the process"
        with contextlib.suppress(BaseException):
            by = _run(session, items, path, node, text)
        os.write(writing, json.dumps(by).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    by = json.loads(said) if said else f"the process, exit {code}"
    return {"noticed": by is not None, "by": by}


def _run(session, items, path, node, text):
    """The name of the first test that fails, in this process."""
    seconds = max(BUDGET, 30) * PATIENCE
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    signal.alarm(4 * seconds)
    failed = []

    class Listener:
        def pytest_runtest_logreport(self, report):
            if report.failed:
                failed.append(report.nodeid)

    session.config.pluginmanager.register(Listener())
    source = path.read_text()
    with tempfile.TemporaryDirectory() as folder:
        # For the processes that tests start.
        shutil.copytree(PACKAGE, Path(folder, PACKAGE.name))
        Path(folder, path.relative_to(ROOT)).write_text(
            spliced(source, node, text)
        )
        os.environ["PYTHONPATH"] = folder
        replace_code(path, source, spliced(source, node, text))
        for k, item in enumerate(items):
            following = items[k + 1] if k + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(
                item=item, nextitem=following
            )
            if failed:
                return failed[0]
    return None


def replace_code(path, old, new):
    """Gives each function of a file the code of another text of it."""
    name = str(path)
    before, after = (_codes(compile(text, name, "exec")) for text in (old, new))
    for function in gc.get_objects():
        if not isinstance(function, types.FunctionType):
            continue
        code = function.__code__
        if code.co_filename != name:
            continue
        same = before.get(code.co_qualname, [])
        others = after.get(code.co_qualname, [])
        for k, each in enumerate(same):
            if each.co_firstlineno == code.co_firstlineno and k < len(others):
                with contextlib.suppress(ValueError):  # Other free variables.
                    function.__code__ = others[k]


def _codes(code):
    """Lists of code objects by their qualified names."""
    found: dict[str, list] = {code.co_qualname: [code]}
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            for name, codes in _codes(inner).items():
                found.setdefault(name, []).extend(codes)
    return found


def spliced(text, node, new):
    """The source with another text where the node stands."""
    lines = text.encode().splitlines(keepends=True)
    first, last = node.lineno - 1, node.end_lineno - 1
    head = lines[first][: node.col_offset]
    tail = lines[last][node.end_col_offset :]
    middle = head + new.encode() + tail
    return b"".join([*lines[:first], middle, *lines[last + 1 :]]).decode()


def unchanged(path, node, text):
    """Whether Python makes the same of a file with the fault: no fault."""
    source = path.read_text()
    made = ast.dump(ast.parse(spliced(source, node, text)))
    return made == ast.dump(ast.parse(source))


def run(lines, faults, report, budget):
    """Collects the tests and runs the faults.

    Args:
        lines: `Path` of what `tests.hardening.lines` wrote.
        faults: Iterable of `(number, path, node, text)`.
        report: Function of a dict, called for each fault.
        budget: Number, seconds of tests a fault.
    """
    found = json.loads(lines.read_text())
    runner = Runner(found, faults, report, budget)
    files = sorted({test.split("::")[0] for test in found["seconds"]})
    paths = [str(ROOT / each) for each in files if (ROOT / each).exists()]
    with tempfile.TemporaryDirectory() as folder:
        options = ["-W", "ignore", "--tb=line"]
        pytest.main([*options, f"--basetemp={folder}/t", *paths], [runner])
