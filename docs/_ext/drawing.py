"""What the hand-drawn pictures are made of: words, boxes, lines, arrows, braces, as SVG.

Coordinates are pixels. A picture is 360 pixels wide at most, so that a telephone shows it whole
and its letters stay as large as those of the text. Colours belong to classes: the style below
counts where the file is an image of its own, docs/_static/site.css where the site shows it.

    m     monospaced: what a program prints, or what is typed
    soft  a remark
    hot   what has just changed, or is gone
    tint  a box with a ground of its own
    large, small, tiny
"""

from collections.abc import Iterable
from html import escape

WIDTH = 360
LETTER = 7.23  # the width of a monospaced letter at 12 pixels

STYLE = """\
text{font:13px sans-serif;fill:#1a1a1a}.m{font:12px monospace}.soft{fill:#5a5a5a}
.hot{fill:#b3261e}rect,path{fill:none;stroke:#888}rect.hot,path.hot{fill:none;stroke:#b3261e}
.large{font-size:17px}.small{font-size:11px}.tiny{font-size:9px}polygon{fill:#888}polygon.hot{fill:#b3261e}rect.tint{fill:#8882}
@media(prefers-color-scheme:dark){text{fill:#e8e8e8}.soft{fill:#aaa}.hot{fill:#ff9a90}
rect.hot,path.hot{stroke:#ff9a90}polygon.hot{fill:#ff9a90}}"""


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words whose first letter (or middle, or end) is at x, on the base line y."""
    return (
        f'<text x="{x:g}" y="{y:g}" class="{kind}" text-anchor="{anchor}" xml:space="preserve">'
        f"{escape(words)}</text>"
    )


def box(x: float, y: float, width: float, height: float, kind: str = "") -> str:
    """A box with round corners."""
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4" class="{kind}"/>'
    )


def line(points: "Iterable[tuple[float, float]]", kind: str = "", dash: str = "") -> str:
    """A line through the points."""
    path = " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="M{path}" class="{kind}" stroke-dasharray="{dash or "none"}"/>'


def arrow(start: "tuple[float, float]", end: "tuple[float, float]", kind: str = "") -> str:
    """A straight arrow, level or upright."""
    (x, y), (x2, y2) = start, end
    across, down = (x2 > x) - (x2 < x), (y2 > y) - (y2 < y)
    back = (x2 - 7 * across, y2 - 7 * down)
    sides = [(back[0] + 4 * s * down, back[1] + 4 * s * across) for s in (1, -1)]
    head = " ".join(f"{px:g},{py:g}" for px, py in [end, *sides])
    return f'{line([start, back], kind)}<polygon points="{head}" class="{kind}"/>'


def brace(x: float, x2: float, y: float, drop: float) -> str:
    """A bracket below a row from x to x2, with a stem of length `drop` in its middle."""
    middle = (x + x2) / 2
    return line([(x, y), (x, y + 5), (x2, y + 5), (x2, y)]) + line(
        [(middle, y + 5), (middle, y + 5 + drop)]
    )


def picture(height: float, title: str, parts: "Iterable[str]") -> str:
    """The whole picture; `title` is its text alternative."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
        f'width="{WIDTH}" height="{height:g}" class="drawing sketch" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        + "\n".join(parts)
        + "\n</svg>\n"
    )
