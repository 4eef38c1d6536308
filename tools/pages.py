"""Pages of the site that are made from other files, as a hook of MkDocs.

A tutorial is a script in jupytext's percent format. Its page shows the
Markdown cells and the code; its notebook is the same, to be downloaded.
"""

from pathlib import Path

import jupytext
import nbformat
import results
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
COPIES = {
    "contract.md": ROOT / "keras_randproj/projections/CONTRACT.md",
    "changes.md": ROOT / "CHANGELOG.md",
}


def tutorials():
    """Scripts that are pages, by the name of their page."""
    scripts = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
    return {f"tutorials/{path.stem}.md": path for path in scripts}


def page(path):
    """The Markdown of a tutorial."""
    notebook = jupytext.read(path)
    title, description = _header(path)
    parts = [
        f"# {title}",
        description,
        f"`tutorials/{path.name}` in the repository, and as a "
        f"[notebook]({path.stem}.ipynb). In full: `python "
        f"tutorials/{path.name}`; in seconds, on a small sample: "
        "`RANDPROJ_TUTORIAL_FAST=1`.",
    ]
    for cell in _cells(notebook):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
    return "\n\n".join(parts) + "\n"


def notebook(path):
    """The notebook of a tutorial, as JSON."""
    book = jupytext.read(path)
    title, description = _header(path)
    head = nbformat.v4.new_markdown_cell(f"# {title}\n\n{description}")
    book.cells = [head, *_cells(book)]
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
    return nbformat.writes(book)


def _cells(book):
    cells = [c for c in book.cells if c.cell_type != "raw" and c.source.strip()]
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = results.filled(cell.source)
    return cells


def _header(path):
    """Title and description of a script."""
    found = {}
    for line in path.read_text().splitlines()[1:]:
        name, colon, value = line.removeprefix("# ").partition(": ")
        if not colon:
            break
        found[name] = value
    return found["title"], found["description"]


def on_files(files, config):
    """Called by MkDocs: adds the pages."""
    made = {name: path.read_text() for name, path in COPIES.items()}
    for name, path in tutorials().items():
        made[name] = page(path)
        made[name.replace(".md", ".ipynb")] = notebook(path)
    for name, content in made.items():
        files.append(File.generated(config, name, content=content))
    return files
