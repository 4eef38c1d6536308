"""What a package index and an installed package say of themselves."""

import sys
from pathlib import Path

import pytest

from keras_randproj import _install

ROOT = Path(__file__).parents[1]


@pytest.fixture
def address(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    monkeypatch.delitem(sys.modules, "address", raising=False)
    import address

    monkeypatch.delenv("GITHUB_REPOSITORY", raising=False)
    return address


def test_links_of_the_readme_work_elsewhere(address, monkeypatch):
    text = "[a](docs/a.md) ![b](b.png) [c](https://c.org) [d](#d)"
    if not address.repository():
        assert address.absolute(text) == "a  [c](https://c.org) [d](#d)"
        assert not address.urls()
        assert not address.site()
    monkeypatch.setattr(address, "repository", lambda: "https://github.com/o/n")
    assert address.absolute(text) == (
        "[a](https://github.com/o/n/blob/main/docs/a.md) "
        "![b](https://github.com/o/n/raw/main/b.png) [c](https://c.org) [d](#d)"
    )
    assert address.site() == "https://o.github.io/n/"
    assert address.urls()["Documentation"] == address.site()


def test_until_it_is_published_a_checkout_is_installed(monkeypatch):
    monkeypatch.setattr(_install, "PUBLISHED", False)
    assert _install.command("demo") == "pip install '.[demo]'"
    assert _install.advice("demo").endswith("in a checkout of keras-randproj")
    monkeypatch.setattr(_install, "PUBLISHED", True)
    assert _install.advice("demo") == "pip install 'keras-randproj[demo]'"
