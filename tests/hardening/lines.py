"""Which tests run which lines of the package, and for how long.

    python -m tests.hardening.lines --json lines.json [paths of tests]

`tests.hardening.faults` chooses the tests of a fault by it. Run with paths, it
adds to what the file holds.
"""

import argparse
import collections
import json
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "keras_randproj"
# What takes long, and says little of a fault in the folders of `faults`.
LEFT_OUT = (
    "demo",
    "kernels",
    "test_packaging.py",
    "test_tutorial_models.py",
    *(f"transfer/test_distill{of}.py" for of in ("", "_blocks", "_layer")),
    *(f"transfer/test_distill_{of}.py" for of in ("prp", "rows")),
)


class Recorder:
    """A plugin of pytest that notes tests by lines, and their seconds."""

    def __init__(self):
        import coverage

        self.seconds = collections.Counter()
        self.coverage = coverage.Coverage(
            data_file=None, source=[str(PACKAGE)], config_file=False
        )
        self.coverage.start()

    def pytest_runtest_logstart(self, nodeid, location):
        self.coverage.switch_context(nodeid)

    def pytest_runtest_logreport(self, report):
        self.seconds[report.nodeid] += report.duration

    def lines(self):
        """Dict of lists of tests, by file and number of a line."""
        self.coverage.stop()
        data = self.coverage.get_data()
        found = {}
        for file in data.measured_files():
            name = str(Path(file).relative_to(PACKAGE))
            found[name] = {
                str(line): sorted(filter(None, tests))
                for line, tests in data.contexts_by_lineno(file).items()
            }
        return found


def merged(old, new):
    """What two recordings found, the later one's seconds."""
    lines = {
        file: {
            line: sorted({*there.get(line, ()), *more.get(line, ())})
            for line in {*there, *more}
        }
        for file in {*old["lines"], *new["lines"]}
        for there in [old["lines"].get(file, {})]
        for more in [new["lines"].get(file, {})]
    }
    return {"seconds": {**old["seconds"], **new["seconds"]}, "lines": lines}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("paths", nargs="*", default=[str(ROOT / "tests")])
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import pytest

    recorder = Recorder()
    ignored = [f"--ignore={ROOT / 'tests' / each}" for each in LEFT_OUT]
    code = pytest.main([*ignored, *options.paths], [recorder])
    found = {"seconds": dict(recorder.seconds), "lines": recorder.lines()}
    if options.json.exists():
        found = merged(json.loads(options.json.read_text()), found)
    options.json.write_text(json.dumps(found))
    sys.exit(code)


if __name__ == "__main__":
    main()
