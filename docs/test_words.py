"""Which words of code are kept whole (docs/_ext/words.py)."""

import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

import words  # noqa: E402


@pytest.mark.parametrize(
    ("word", "is_short"),
    [("-t", True), ("2&gt;&amp;1", True), ("memory-limit", True), ("/var/lib/services", False)],
)
def test_a_short_word_of_code_is_kept_whole(word: str, *, is_short: bool) -> None:
    body = f'<p><code><span class="pre">{word}</span></code> and more text</p>'
    assert ('class="pre short"' in words.keep_whole(body)) is is_short
