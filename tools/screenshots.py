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
BROKEN = "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"


def answer(route):
    """Gives the browser a file of the site, and nothing else."""
    address = urlsplit(route.request.url)
    path = SITE / address.path.lstrip("/")
    path = path / "index.html" if path.is_dir() else path
    if address.netloc != urlsplit(ROOT).netloc:
        route.abort()
    elif path.is_file():
        route.fulfill(path=path)
    else:
        route.fulfill(status=404)


def look_at(page, name, picture):
    """Takes the pictures of a page; what is wrong with it, a line each."""
    found = []
    page.on("pageerror", lambda error: found.append(f"script error: {error}"))
    page.on(
        "console",
        lambda said: (
            said.type == "error"
            # What is not of the site was not asked for.
            and said.location.get("url", "").startswith(ROOT)
            and found.append(f"console: {said.text} {said.location['url']}")
        ),
    )
    page.goto(ROOT + name, wait_until="load")
    found += [f"no image: {image}" for image in page.evaluate(BROKEN)]
    if page.evaluate(TOO_WIDE):
        found.append("wider than the window")
    page.screenshot(path=picture.with_stem(f"{picture.stem}-first"))
    page.screenshot(path=picture, full_page=True)
    return found


def main(out, names):
    there = sorted(SITE.rglob("index.html"))
    names = names or [
        path.parent.relative_to(SITE).as_posix().removeprefix(".") + "/"
        for path in there
    ]
    faults = [] if there else [f"No pages in {SITE}: build it first."]
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM")
        browser = playwright.chromium.launch(executable_path=chromium)
        for look, (width, height, scheme) in LOOKS.items():
            folder = out / look
            folder.mkdir(parents=True, exist_ok=True)
            window = {"width": width, "height": height}
            context = browser.new_context(viewport=window, color_scheme=scheme)
            context.set_default_timeout(PATIENCE)
            context.route("**/*", answer)
            for name in names:
                name = name.lstrip("/")
                slug = name.strip("/").replace("/", "-") or "home"
                page = context.new_page()
                found = look_at(page, name, folder / f"{slug}.png")
                page.close()
                faults += [f"{look}, {name or 'home'}: {f}" for f in found]
            print(f"{look}: {len(names)} pages, {len(faults)} faults so far")
    sys.exit("\n".join(faults) or 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
