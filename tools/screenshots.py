"""Opens each page of the built site in a browser, and looks for faults.

    pip install playwright
    mkdocs build --strict
    CHROMIUM=/usr/bin/chromium python tools/screenshots.py OUT [PAGE ...]

Pictures of the pages go to OUT: on a desktop of 1,440 pixels, a phone of 390
and in the dark, whole and what is seen first. It fails where a page has an
error in the console or a missing image, or is wider than the window; dead links
fail `mkdocs build --strict`. The site is read from its folder, without a
server, and nothing is asked of a network.
"""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parent.parent / "site"
ROOT = "http://site/"
LOOKS = {  # Width, height, colour scheme.
    "desktop": (1440, 900, "light"),
    "phone": (390, 844, "light"),
    "dark": (1440, 900, "dark"),
}
PATIENCE = 120_000  # Milliseconds for one page, on a busy machine.
FAULTS = """[
    ...[...document.images].filter(i => !i.naturalWidth).map(i => i.src),
    ...document.documentElement.scrollWidth > innerWidth ? ["too wide"] : [],
]"""


def answer(route):
    """Gives the browser a file of the site."""
    path = SITE / urlsplit(route.request.url).path.strip("/")
    path = path / "index.html" if path.is_dir() else path
    found = {"path": path} if path.is_file() else {"status": 404}
    route.fulfill(**found)


def faults(page, address, picture):
    """Takes the pictures of a page; what is wrong with it, a line each."""
    found = []

    def hear(said):
        # What is not of the site was not asked for.
        ours = said.location.get("url", "").startswith(ROOT)
        if said.type == "error" and ours:
            found.append(f"{said.text} {said.location['url']}")

    page.on("console", hear)
    page.on("pageerror", lambda error: found.append(f"script: {error}"))
    page.goto(address)
    page.screenshot(path=picture.with_stem(f"{picture.stem}-first"))
    page.screenshot(path=picture, full_page=True)
    return found + page.evaluate(FAULTS)


def main(out, names):
    there = [path.parent.relative_to(SITE) for path in SITE.rglob("index.html")]
    pages = [name.strip("/") for name in names or sorted(map(str, there))]
    lines = [] if pages else [f"No pages in {SITE}: build it first."]
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM")
        browser = playwright.chromium.launch(executable_path=chromium)
        for look, (width, height, scheme) in LOOKS.items():
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                offline=True,
            )
            context.set_default_timeout(PATIENCE)
            context.route(ROOT + "**", answer)
            for name in pages:
                slug = name.replace("/", "-").strip(".") or "home"
                page = context.new_page()
                picture = out / look / f"{slug}.png"
                found = faults(page, f"{ROOT}{name}/", picture)
                page.close()
                lines += [f"{look}, {slug}: {fault}" for fault in found]
            print(f"{look}: {len(pages)} pages, {len(lines)} faults so far")
    sys.exit("\n".join(lines) or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
