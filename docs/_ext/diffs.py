"""The head of a diff names its two files as the page does, without the folders of this machine."""

import re
from pathlib import PurePath
from typing import Any

from docutils import nodes


def _shorten(_app: Any, doctree: nodes.document) -> None:
    """Sphinx calls this for each page that it has read."""
    for block in list(doctree.findall(nodes.literal_block)):
        if block.get("language") == "udiff":
            text = re.sub(
                r"^(---|\+\+\+) (/.*)$",
                lambda head: f"{head[1]} {PurePath(head[2]).name}",
                block.astext(),
                flags=re.MULTILINE,
            )
            block.rawsource = text
            block.children = []
            block.append(nodes.Text(text))


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.connect("doctree-read", _shorten)
    return {"version": "1", "parallel_read_safe": True}
