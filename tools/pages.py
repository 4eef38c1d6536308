"""Pages of the site that are made from other files, as a hook of MkDocs.

A tutorial is a script in jupytext's percent format. Its page shows the
Markdown cells, the code and what it printed; its notebook is the same, to be
downloaded. Where pyproject.toml says where the repository is on GitHub, the
page also has a button that opens the notebook in Colab, from the branch
"notebooks", to which the workflow pages.yml pushes what the site was built
with.
"""

import io
import json

import address
import jupytext
import nbformat
import reference
import results
import yaml
from cogapp import Cog
from mkdocs.structure.files import File
from nbformat.v4 import new_code_cell
from nbformat.v4 import new_markdown_cell
from spelled_out import spelled_out

from keras_randproj._install import PUBLISHED

ROOT = address.ROOT
COPIES = {
    "contract.md": ROOT / "keras_randproj/matrices/CONTRACT.md",
    "changes.md": ROOT / "CHANGELOG.md",
}
TUTORIALS = {
    f"tutorials/{path.stem}.md": path
    for path in sorted(ROOT.glob("tutorials/[0-9]*.py"))
}
DESCRIPTIONS = {
    "api/index.md": "Every public class and function of keras_randproj.",
    "changes.md": "What changed for users of keras_randproj, by version.",
    "contract.md": "How each entry of each random matrix follows from a seed.",
}
PAGE = """---
description: {description}
---

# {title}

{description}

Run it yourself: `python tutorials/{stem}.py`, or the [notebook]({stem}.ipynb).
{colab}
{cells}
"""
COLAB = """
[Open in Colab](https://colab.research.google.com/github/{}/blob/notebooks/{}.\
ipynb){{ .md-button }}
"""


def tutorial(path, repository):
    """The Markdown and the notebook of a tutorial."""
    raw, *cells = [c for c in jupytext.read(path).cells if c.source.strip()]
    header = yaml.safe_load(raw.source.strip("-"))
    fill(cells)
    colab = ""
    if (repository or "").startswith(address.GITHUB):
        name = repository.removeprefix(address.GITHUB)
        colab = COLAB.format(name, path.stem)
    parts = "\n\n".join(shown(path, cells))
    page = PAGE.format(**header, stem=path.stem, colab=colab, cells=parts)
    return page, notebook(header, cells, repository)


def fill(cells):
    """Fills the tables in cells of Markdown: what one defines, others use."""
    cog = Cog()
    cog.options.delete_code = cog.options.print_output = True
    names = dict(vars(results))
    for cell in cells:
        if cell.cell_type == "markdown":
            filled = io.StringIO()
            cog.process_file(io.StringIO(cell.source), filled, globals=names)
            cell.source = filled.getvalue()


def shown(path, cells):
    """Each cell as Markdown, and what `tutorial_outputs.py` kept of it."""
    kept = path.parent / "results" / f"{path.stem}.outputs.json"
    printed = json.loads(kept.read_text())
    for cell in cells:
        if cell.cell_type == "markdown":
            yield cell.source
        elif cell.source not in printed:
            raise ValueError(
                f"{path.name} has changed: run `python "
                f"tools/tutorial_outputs.py {path}`. Changed cell:\n"
                f"{cell.source}"
            )
        else:
            yield f"```python\n{cell.source}\n```"
            if printed[cell.source]:
                yield f"```text\n{printed[cell.source]}\n```"


def notebook(header, cells, repository):
    """The notebook of a tutorial, as JSON."""
    head = [new_markdown_cell("# {title}\n\n{description}".format(**header))]
    source = "" if PUBLISHED else f" @ git+{repository}"
    package = f"keras-randproj[tutorials]{source}"
    if PUBLISHED or repository:
        head.append(new_code_cell(f'%pip install -q "{package}"'))
    book = nbformat.v4.new_notebook(cells=[*head, *cells])
    for number, cell in enumerate(book.cells):
        cell.id = f"cell-{number}"
        # A notebook alone has no pages and images beside it.
        cell.source = cell.source.replace("(../", f"({address.site() or '../'}")
    return nbformat.writes(book)


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
    for name, path in TUTORIALS.items():
        made[name], book = tutorial(path, config.repo_url)
        made[name.replace(".md", ".ipynb")] = book
    sources = {**COPIES, **TUTORIALS}
    for name, content in made.items():
        file = File.generated(config, name, content=content)
        path = sources.get(name)
        file.edit_uri = path and f"../{path.relative_to(ROOT)}"
        files.append(file)
    return files
