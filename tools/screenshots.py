"""Opens each page of the built site in a browser, and looks for faults.

    pip install playwright
    mkdocs build --strict
    CHROMIUM=/usr/bin/chromium python tools/screenshots.py OUT

Pictures of the pages go to OUT, on a desktop, a phone and in the dark. It
fails where a page of the site has an error in the console, a missing image, a
link inside the site that leads nowhere, or is wider than the phone. Requests
to other hosts are counted and do not fail: the site has none of its own, and
may be looked at without a network.
"""

import functools
import http.server
import os
import sys
import threading
from pathlib import Path
from urllib.parse import urldefrag
from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

SITE = Path(__file__).resolve().parent.parent / "site"
LOOKS = {  # Width, height, colour scheme.
    "desktop": (1280, 900, "light"),
    "phone": (390, 844, "light"),
    "dark": (1280, 900, "dark"),
}
PATIENCE = 120_000  # Milliseconds for one page, on a busy machine.
BROKEN = "[...document.images].filter(i => !i.naturalWidth).map(i => i.src)"
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.href)"
NAMES = "[...document.querySelectorAll('[id]')].map(e => e.id)"
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
        self.elsewhere = set()
        self.links = {}
        self.names = {}
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
        self.links[name] = self.page.evaluate(LINKS)
        self.names[name] = set(self.page.evaluate(NAMES))
        self.page.screenshot(path=picture, full_page=True)

    def dead_links(self):
        """Adds links inside the site that lead nowhere to the faults."""
        for name, links in self.links.items():
            self.name = name
            for link in links:
                if link.startswith(self.root) and not self._leads(link):
                    self._fault(f"dead link: {link}")

    def _leads(self, link):
        address, name = urldefrag(link)
        target = address.removeprefix(self.root)
        if target in self.names:
            return not name or name in self.names[target]
        return (SITE / target).is_file()

    def _console(self, message):
        if message.type == "error":
            source = message.location.get("url", "")
            self._request(source, f"console: {message.text}")

    def _request(self, url, what):
        host = urlsplit(url).netloc
        if host and not url.startswith(self.root):
            self.elsewhere.add(host)
        else:
            self._fault(f"{what}: {url}")

    def _fault(self, text):
        self.faults.append(f"{self.name or '/'}: {text}")


def main(out):
    root = serve()
    names = pages()
    faults = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM")
        )
        for look, (width, height, scheme) in LOOKS.items():
            folder = out / look
            folder.mkdir(parents=True, exist_ok=True)
            visit = Visit(
                browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme=scheme,
                ),
                root,
            )
            for name in names:
                slug = name.strip("/").replace("/", "-") or "home"
                visit.open(name, folder / f"{slug}.png")
            visit.dead_links()
            hosts = ", ".join(sorted(visit.elsewhere)) or "none"
            print(
                f"{look}: {len(names)} pages, {len(visit.faults)} faults; "
                f"other hosts that did not answer: {hosts}",
                flush=True,
            )
            faults += [f"{look}: {fault}" for fault in visit.faults]
    if faults or not names:
        sys.exit("\n".join(faults) or f"No pages in {SITE}: build it first.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
