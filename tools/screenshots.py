"""Opens each page of the built site in a browser, and looks for faults.

    pip install playwright
    mkdocs build --strict
    CHROMIUM=/usr/bin/chromium python tools/screenshots.py OUT [PAGE ...]

Pictures of the pages go to OUT: whole on a desktop of 1,440 pixels, a phone of
390 and in the dark, and of the desktop also what is seen first. It
fails where a page of the site has an error in the console or a missing image,
or is wider than the phone; dead links fail `mkdocs build --strict`. Requests
to other hosts do not fail: the site has none of its own, and may be looked at
without a network.
"""

import functools
import http.server
import os
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parent.parent / "site"
LOOKS = {  # Width, height, colour scheme.
    "desktop": (1440, 900, "light"),
    "phone": (390, 844, "light"),
    "dark": (1440, 900, "dark"),
}
PATIENCE = 120_000  # Milliseconds for one page, on a busy machine.
BROKEN = "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
TOO_WIDE = "document.documentElement.scrollWidth > window.innerWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing about it."""

    def log_message(self, *arguments):
        pass


def serve():
    """The address of the site, served from a thread."""
    handler = functools.partial(Quiet, directory=SITE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def pages():
    """Addresses of the pages, below that of the site."""
    found = sorted(SITE.rglob("index.html"))
    return [p.relative_to(SITE).as_posix()[: -len("index.html")] for p in found]


class Visit:
    """One look at all pages, and what was found wrong."""

    def __init__(self, context, root):
        self.root = root
        self.name = ""
        self.faults = []
        self.page = context.new_page()
        self.page.set_default_timeout(PATIENCE)
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda e: self._fault(f"script error: {e}"))
        self.page.on("requestfailed", lambda r: self._request(r.url, "failed"))
        self.page.on(
            "response",
            lambda r: r.status >= 400 and self._request(r.url, r.status),
        )

    def open(self, name, picture):
        """Looks at one page."""
        self.name = name
        self.page.goto(self.root + name, wait_until="load")
        for image in self.page.evaluate(BROKEN):
            self._request(image, "an image that does not show")
        if self.page.evaluate(TOO_WIDE):
            self._fault("wider than the window")
        first = picture.with_stem(f"{picture.stem}-first")
        self.page.screenshot(path=first)
        self.page.screenshot(path=picture, full_page=True)

    def _console(self, message):
        if message.type == "error":
            source = message.location.get("url", "")
            self._request(source, f"console: {message.text}")

    def _request(self, url, what):
        if not urlsplit(url).netloc or url.startswith(self.root):
            self._fault(f"{what}: {url}")

    def _fault(self, text):
        self.faults.append(f"{self.name or '/'}: {text}")


def main(out, names):
    root = serve()
    names = names or pages()
    faults = []
    with sync_playwright() as playwright:
        chromium = os.environ.get("CHROMIUM")
        browser = playwright.chromium.launch(executable_path=chromium)
        for look, (width, height, scheme) in LOOKS.items():
            folder = out / look
            folder.mkdir(parents=True, exist_ok=True)
            window = {"width": width, "height": height}
            context = browser.new_context(viewport=window, color_scheme=scheme)
            visit = Visit(context, root)
            for name in names:
                slug = name.strip("/").replace("/", "-") or "home"
                visit.open(name, folder / f"{slug}.png")
            print(f"{look}: {len(names)} pages, {len(visit.faults)} faults")
            faults += [f"{look}: {fault}" for fault in visit.faults]
    if faults or not names:
        sys.exit("\n".join(faults) or f"No pages in {SITE}: build it first.")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
