"""Addresses and the description of the package, a hook of Hatchling."""

import sys
from pathlib import Path

from hatchling.metadata.plugin.interface import MetadataHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent))

import address


class Metadata(MetadataHookInterface):
    """Fills what pyproject.toml calls dynamic."""

    PLUGIN_NAME = "custom"

    def update(self, metadata):
        text = (address.ROOT / "README.md").read_text()
        metadata["urls"] = address.urls()
        metadata["readme"] = {
            "content-type": "text/markdown",
            "text": address.absolute(text),
        }
