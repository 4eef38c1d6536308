"""What the README and the docs show runs, and their numbers are committed."""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path

import keras
import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGES += sorted((ROOT / "keras_randproj").rglob("*.md"))
TUTORIALS = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
# What tools/pages.py makes when the site is built.
MADE = {
    ROOT / "docs" / name
    for name in ("api/index.md", "contract.md", "changes.md")
}
MADE |= {ROOT / "docs" / "tutorials" / f"{p.stem}.md" for p in TUTORIALS}


def blocks(page):
    """Code of a page, and what it prints where the page shows that."""
    shown = r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?"
    return re.findall(shown, page.read_text(), re.S)


def run_here():
    """Pages whose code runs on this backend.

    Those that many readers begin with, or that differ by backend, run on all;
    the others on PyTorch and in turn on JAX or TensorFlow. What they show is
    tested on each, and examples of docstrings run on all.
    """
    everywhere = {"README", "quickstart", "install", "export"}
    shown = [page for page in PAGES if blocks(page)]
    backend = keras.backend.backend()
    for k, page in enumerate(shown):
        others = ("jax", "tensorflow")[k % 2]
        if page.stem in everywhere or backend in ("torch", others):
            yield page


@pytest.mark.parametrize("page", [*run_here()], ids=lambda page: page.stem)
def test_examples_run_as_printed(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Pages set it where it is not set.
    monkeypatch.setenv("KERAS_BACKEND", keras.backend.backend())
    keras.utils.clear_session()  # Names of layers count from the start.
    namespace: dict = {"__name__": "page"}
    for block, printed in blocks(page):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, str(page), "exec"), namespace)
        if printed:
            assert said.getvalue().rstrip() == printed.rstrip()


@pytest.mark.one_backend
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_relative_links_lead_somewhere(page):
    for link in re.findall(r"\]\(([^)#]+)", page.read_text()):
        if "://" not in link:
            path = (page.parent / link).resolve()
            assert path in MADE or path.exists(), link


@pytest.mark.one_backend
@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_tutorials_choose_a_backend_and_show_what_is_there(script):
    text = script.read_text()
    for link in re.findall(r"\]\((\.\./[^)#]+)", text):
        path = (ROOT / "docs/tutorials" / link).resolve()
        assert path in MADE or path.exists(), link
    assert 'os.environ.setdefault("KERAS_BACKEND"' in text


@pytest.mark.one_backend
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_pages_of_the_site_have_a_description(page):
    if page.is_relative_to(ROOT / "docs"):
        # A colon inside wants quotes, or the page shows the line as text.
        line = r'---\n(.+\n)*description: ("[^"]+"|(?!.*: ).+)\n(.+\n)*---\n'
        assert re.match(line, page.read_text())


@pytest.mark.one_backend
def test_the_site_names_every_page():
    nav = set(re.findall(r"[\w/]+\.md", (ROOT / "mkdocs.yml").read_text()))
    there = {*(ROOT / "docs").rglob("*.md"), *MADE}
    assert nav == {str(p.relative_to(ROOT / "docs")) for p in there}


@pytest.mark.one_backend
def test_pages_show_the_committed_results():
    command = [sys.executable, str(ROOT / "tools/results.py"), "--check"]
    subprocess.run(command, check=True)


@pytest.mark.one_backend
def test_each_promise_of_security_names_a_test_that_there_is():
    text = (ROOT / "SECURITY.md").read_text()
    promises = re.findall(r"^\|.*\| (.*) \|$", text, re.M)[2:]
    tests = "".join(p.read_text() for p in (ROOT / "tests").rglob("test_*.py"))
    assert len(promises) > 10
    for promise in promises:
        paths = re.findall(r"tests/[\w/]+\.py", promise)
        names = re.findall(r"\btest_\w+(?=`)", promise)
        assert paths or names or promise.startswith("the same"), promise
        assert all((ROOT / path).exists() for path in paths), promise
        assert all(f"def {name}(" in tests for name in names), promise
