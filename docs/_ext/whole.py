"""Every link within the built site leads to a page and an anchor that exist.

And no page shows a folder of the machine that built it.

Sphinx checks the links that it makes itself, not those of links.py and of the matrix.
"""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote


class _Page(HTMLParser):
    """The addresses and the anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors = {""}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: "list[tuple[str, str | None]]") -> None:
        """HTMLParser calls this."""
        given = dict(attrs)
        self.anchors.add(given.get("id") or "")
        if tag == "a" and (address := given.get("href")):
            self.links.append(address)


def broken_links(html: Path) -> list[str]:
    """`PAGE: ADDRESS` for each link to a page, file or anchor that does not exist."""
    pages = {file.resolve(): _Page(file.read_text()) for file in html.rglob("*.html")}
    broken = set()
    for file, page in pages.items():
        for address in page.links:
            path, _, anchor = unquote(address).partition("#")
            if re.match("[a-z]+:", address):
                continue
            target = (file.parent / path.partition("?")[0]).resolve() if path else file
            there = pages.get(target)
            if not target.exists() or (there and anchor not in there.anchors):
                broken.add(f"{file.relative_to(html.resolve())}: {address}")
    return sorted(broken)


def pages_that_name(folder: Path, html: Path) -> list[str]:
    """The pages that show the address of this folder of this machine."""
    return sorted(
        str(page.relative_to(html))
        for page in html.rglob("*.html")
        if f"{folder}/" in page.read_text()
    )
