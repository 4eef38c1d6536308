"""The repository's address, from the one place that says it.

It is `repository` in pyproject.toml, below `tool.hatch.metadata.hooks.custom`.
While that is empty, workflows of GitHub know it from their own variables. As a
hook of Hatchling, this file writes it into the package.
"""

import os
import re
import tomllib
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

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
    found = {
        "Documentation": site(),
        "Source": base,
        "Issues": f"{base}/issues",
        "Changelog": f"{base}/blob/main/CHANGELOG.md",
    }
    return {name: url for name, url in found.items() if base and url}


def absolute(text):
    """Markdown whose relative links work outside the repository.

    Without an address, the words of a link stay and the link goes.
    """
    base = repository()
    image = rf"\1[\2]({base}/raw/main/\3)" if base else ""
    link = rf"[\2]({base}/blob/main/\3)" if base else r"\2"
    return LINK.sub(lambda m: m.expand(image if m[1] else link), text)


class Metadata(MetadataHookInterface):
    """Fills what pyproject.toml calls dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata):
        text = absolute((ROOT / "README.md").read_text())
        metadata["urls"] = urls()
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
