"""Runs the Python code of the README with the package that is installed."""

import os
import re
import tempfile
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def main():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names: dict = {"__name__": "readme"}
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
    print(f"{len(blocks)} examples ran")


if __name__ == "__main__":
    main()
