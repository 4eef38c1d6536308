"""The repository's address, from the one place that says it.

It is `repository` in pyproject.toml, below `tool.hatch.metadata.hooks.custom`.
While that is empty, workflows of GitHub know it from their own variables.
"""

import os
import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GITHUB = "https://github.com/"
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://|#)([^)\s]+)\)")


def repository():
    """The address without a slash at its end, or an empty string."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = settings["tool"]["hatch"]["metadata"]["hooks"]["custom"]
    name = os.environ.get("GITHUB_REPOSITORY", "")
    found = hook["repository"] or (name and GITHUB + name)
    return found.removesuffix("/").removesuffix(".git")


def site():
    """The address of the site that GitHub serves, or an empty string."""
    owner, _, name = repository().removeprefix(GITHUB).partition("/")
    served = repository().startswith(GITHUB) and name
    return f"https://{owner}.github.io/{name}/" if served else ""


def urls():
    """The addresses that a package index shows."""
    base = repository()
    if not base:
        return {}
    found = {
        "Source": base,
        "Issues": f"{base}/issues",
        "Changelog": f"{base}/blob/main/CHANGELOG.md",
    }
    return {"Documentation": site(), **found} if site() else found


def absolute(text):
    """Markdown whose relative links work outside the repository.

    Without an address, the words of a link stay and the link goes.
    """
    base = repository()

    def replace(found):
        image, words, path = found.groups()
        if not base:
            return "" if image else words
        kind = "raw" if image else "blob"
        return f"{image}[{words}]({base}/{kind}/main/{path})"

    return LINK.sub(replace, text)
