"""What the README and the docs show runs, and their numbers are committed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES += sorted((ROOT / "keras_randproj").rglob("*.md"))
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
# What tools/pages.py makes when the site is built.
MADE = {ROOT / "docs" / name for name in ("contract.md", "changes.md")}
MADE |= {ROOT / "docs" / "tutorials" / f"{p.stem}.md" for p in TUTORIALS}


def blocks(page):
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.S)


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p)], ids=lambda page: page.stem
)
def test_examples_run_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict = {"__name__": "page"}
    for block in blocks(page):
        exec(compile(block, str(page), "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_relative_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in link:
            path = (page.parent / link).resolve()
            assert path in MADE or path.exists(), link


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_have_their_results_and_pictures(script):
    text = script.read_text()
    assert (ROOT / "tutorials/results" / f"{script.stem}.json").exists()
    for link in re.findall(r"\]\((\.\./[^)#]+)", text):
        path = (ROOT / "docs/tutorials" / link).resolve()
        assert path in MADE or path.exists(), link
    assert 'os.environ.setdefault("KERAS_BACKEND"' in text


def test_the_site_names_every_page():
    nav = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    there = {*(ROOT / "docs").rglob("*.md"), *MADE}
    assert nav == {str(p.relative_to(ROOT / "docs")) for p in there}


def test_pages_show_the_committed_results():
    command = [sys.executable, str(ROOT / "tools/results.py"), "--check"]
    subprocess.run(command, check=True)
