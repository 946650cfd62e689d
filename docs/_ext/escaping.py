"""Plain text in a page of Markdown: what is not in backticks must not become markup."""

import re


def escaped(text: str) -> str:
    r"""The text as Markdown that shows it: `<stdin> __NAME__` becomes `\<stdin> \_\_NAME\_\_`."""
    pieces = re.split("(`[^`]*`)", text)
    return "".join(p if p[:1] == "`" else re.sub(r"([<_*\[])", r"\\\1", p) for p in pieces)
