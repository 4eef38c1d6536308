"""Pages of the site that are made from other files, as a hook of MkDocs.

A tutorial is a script in jupytext's percent format. Its page shows the
Markdown cells and the code; its notebook is the same, to be downloaded. Where
pyproject.toml says where the repository is on GitHub, the page also has a
button that opens the notebook in Colab, from the branch NOTEBOOKS, to which
the workflow pages.yml pushes what the site was built with.
"""

import io
from pathlib import Path

import address
import jupytext
import nbformat
import reference
import results
from cogapp import Cog
from mkdocs.structure.files import File
from spelled_out import spelled_out
from tutorial_outputs import outputs

from keras_randproj._install import PUBLISHED

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = "notebooks"
COPIES = {
    "contract.md": ROOT / "keras_randproj/matrices/CONTRACT.md",
    "changes.md": ROOT / "CHANGELOG.md",
}
DESCRIPTIONS = {
    "api/index.md": "Every public class and function of keras_randproj.",
    "changes.md": "What changed for users of keras_randproj, by version.",
    "contract.md": "How each entry of each random matrix follows from a seed.",
}


def tutorials():
    """Scripts that are pages, by the name of their page."""
    scripts = sorted((ROOT / "tutorials").glob("[0-9]*.py"))
    return {f"tutorials/{path.stem}.md": path for path in scripts}


def page(path, repository):
    """The Markdown of a tutorial."""
    notebook = jupytext.read(path)
    title, description = _header(path)
    printed = outputs(path)
    parts = [
        f"---\ndescription: {description}\n---",
        f"# {title}",
        description,
        f"Run it yourself: `python tutorials/{path.name}`, or the "
        f"[notebook]({path.stem}.ipynb).",
        *colab(path, repository),
    ]
    for cell in _cells(notebook):
        if cell.cell_type == "markdown":
            parts.append(cell.source)
        else:
            parts.append(f"```python\n{cell.source}\n```")
            if printed[cell.source]:
                parts.append(f"```text\n{printed[cell.source]}\n```")
    return "\n\n".join(parts) + "\n"


def colab(path, repository):
    """The button that opens a tutorial, if the repository is on GitHub."""
    owner, _, name = (repository or "").partition(address.GITHUB)
    if owner or not name:
        return []
    link = (
        f"https://colab.research.google.com/github/{name}/blob/{NOTEBOOKS}/"
        f"{path.stem}.ipynb"
    )
    return [f"[Open in Colab]({link}){{ .md-button }}"]


def notebook(path, repository):
    """The notebook of a tutorial, as JSON."""
    book = jupytext.read(path)
    title, description = _header(path)
    head = [nbformat.v4.new_markdown_cell(f"# {title}\n\n{description}")]
    source = "" if PUBLISHED else f" @ git+{repository}"
    package = f"keras-randproj[tutorials]{source}"
    if PUBLISHED or repository:
        head.append(nbformat.v4.new_code_cell(f'%pip install -q "{package}"'))
    book.cells = [*head, *_cells(book)]
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
        # A notebook alone has no pages and images beside it.
        cell.source = cell.source.replace("(../", f"({address.site() or '../'}")
    return nbformat.writes(book)


def _cells(book):
    cells = [c for c in book.cells if c.cell_type != "raw" and c.source.strip()]
    cog = Cog()
    cog.options.delete_code = cog.options.print_output = True
    # What one cell defines, later ones use.
    names = dict(vars(results))
    for cell in cells:
        if cell.cell_type == "markdown":
            filled = io.StringIO()
            cog.process_file(io.StringIO(cell.source), filled, globals=names)
            cell.source = filled.getvalue()
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


def on_config(config):
    """Called by MkDocs: the site's addresses and links to its sources."""
    config.repo_url = address.repository()
    config.site_url = address.site()
    if config.repo_url:
        config.repo_name = "Source"
        config.edit_uri = "edit/main/docs/"
    return config


def on_page_markdown(markdown, page, **kwargs):
    """Called by MkDocs: the text of a page."""
    return spelled_out(markdown)


def on_files(files, config):
    """Called by MkDocs: adds the pages."""
    made = {name: path.read_text() for name, path in COPIES.items()}
    made["api/index.md"] = reference.index()
    for name, description in DESCRIPTIONS.items():
        made[name] = f"---\ndescription: {description}\n---\n\n{made[name]}"
    for name, path in tutorials().items():
        made[name] = page(path, config.repo_url)
        made[name.replace(".md", ".ipynb")] = notebook(path, config.repo_url)
    for name, content in made.items():
        file = File.generated(config, name, content=content)
        file.edit_uri = _source(name)
        files.append(file)
    return files


def _source(name):
    """Where a page that is made comes from, as seen from docs/."""
    paths = {**COPIES, **tutorials()}
    if name not in paths:
        return None
    return "../" + paths[name].relative_to(ROOT).as_posix()
