"""A short word of code gets the class `short`, and is not broken, for example behind the hyphen
of `-t`.
"""

import re
from typing import Any

LONGEST = 12  # characters; in a narrow table a longer word may have to be broken


def keep_whole(body: str) -> str:
    """The HTML of a page with the class in each short word of code."""
    short = rf'<span class="pre">(?=(?:[^<&]|&[^;]*;){{1,{LONGEST}}}</span>)'
    return re.sub(short, '<span class="pre short">', body)


def _page(_app: Any, _name: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Sphinx calls this for each page that it writes."""
    if "body" in context:
        context["body"] = keep_whole(context["body"])


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.connect("html-page-context", _page)
    return {"version": "1", "parallel_read_safe": True}
