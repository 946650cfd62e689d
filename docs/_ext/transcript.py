"""How a transcript is coloured: what is typed, after `$ ` or `> `, and what comes out."""

import re
from collections.abc import Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.token import Generic


class TranscriptLexer(Lexer):
    """A `console` block, as docs/test_transcripts.py reads it."""

    name = "Transcript"

    def get_tokens_unprocessed(self, text: str) -> "Iterator[tuple[int, Any, str]]":
        """Prompt, typed words and output. A `> ` continues what is typed above it."""
        typed = False
        for found in re.finditer(r".*\n", text):
            line, at = found[0], found.start()
            typed = line.startswith("$ ") or (typed and line.startswith("> "))
            if typed:
                yield at, Generic.Prompt, line[:2]
                yield at + 2, Generic.Strong, line[2:]
            else:
                yield at, Generic.Output, line


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    app.add_lexer("console", TranscriptLexer)
    return {"version": "1", "parallel_read_safe": True}
