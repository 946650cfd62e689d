"""What things cost, in pictures and in a table, from docs/data/costs.json.

`python -I -m daemontools_conformance.bench --write docs/data/costs.json` measures it. Each
picture has one line for each contestant, on logarithmic axes: medians, and bars from the least
to the greatest value. It is 400 pixels wide, for a telephone.

    {costs} memory    the picture of one curve
    {costs} table     what a tree of services costs, everything counted
    {costs} origin    when, where and on what this was measured
    {costs} ratios    the figures that CI guards
"""

import json
import math
from html import escape
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
DATA = DOCS / "data/costs.json"
PICTURES = DOCS / "diagrams/costs"

Points = list[list[float]]  # x, median, least, greatest, number of values

# curve -> the title of its picture; what is only in the table has none
TITLES = {
    "start": "Start: until each first line is in its log",
    "start, CPU": "Start: processor time of all processes",
    "memory": "Memory of all processes but the services",
    "rescan": "Five quiet seconds of the scanner",
    "status": "The state of all services",
    "restart": "From a death to the next line in the log",
    "log, lines": "Log speed over the number of lines",
    "log, line length": "Log speed over the length of a line",
    "log, patterns": "Log speed over the number of patterns",
    "log, directories": "Log speed over the number of directories",
    "log, size": "Log speed over the size of a file",
    "chain": "Start of a chain, up to the end of /bin/true",
}
# row of the table -> curve
ROWS = {
    "memory, MB": "memory",
    "— svscan, or its counterpart": "memory, scanner",
    "— all supervises": "memory, supervises",
    "— all loggers": "memory, loggers",
    "memory that nobody shares, MB": "private",
    "start: the first lines are in the logs, s": "start",
    "start: processor time, s": "start, CPU",
    "five quiet seconds of svscan: processor time, ms": "rescan",
    "the state of all (svstat), s": "status",
    "from a death to the next line in the log, ms": "restart",
}
SERVICES = 100

# contestant -> its colour on light pages and on dark ones
COLOURS = {
    "djb": ("#8a5a00", "#e0b050"),
    "reference": ("#1f5fae", "#7ab4ff"),
    "mixture": ("#6a3fa0", "#c09af0"),
    "runit": ("#2e7d32", "#7cc67f"),
    "svlogd": ("#2e7d32", "#7cc67f"),
    "s6": ("#b3261e", "#ff8a80"),
    "s6-log": ("#b3261e", "#ff8a80"),
    "supervisord": ("#555555", "#bbbbbb"),
}
WIDTH, HEIGHT = 400, 270
LEFT, RIGHT, TOP, BOTTOM = 50, 316, 34, 222  # of the axes
LINE = 14  # between two lines of text


def load() -> dict[str, Any]:
    """What was measured."""
    data: dict[str, Any] = json.loads(DATA.read_text())
    return data


def draw(name: str, curve: dict[str, Any]) -> str:
    """The picture of one curve as SVG."""
    points = [point for line in curve["lines"].values() for point in line]
    xs = sorted({point[0] for point in points})
    low = math.floor(math.log10(min(point[2] for point in points)))
    high = math.ceil(math.log10(max(point[3] for point in points)))

    def x_of(x: float) -> float:
        return _between(math.log(x), math.log(xs[0]), math.log(xs[-1]), LEFT + 8, RIGHT - 8)

    def y_of(y: float) -> float:
        return _between(math.log10(y), low, high, BOTTOM, TOP)

    parts = [_head(name, curve), f'<text x="4" y="16">{escape(TITLES[name])}</text>']
    for power in range(low, high + 1):
        y = y_of(10.0**power)
        parts.append(f'<path d="M{LEFT} {y:.1f}H{RIGHT}" class="grid"/>')
        parts.append(
            f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        )
    for x in xs:
        label = f"{x / 1e6:.3g}M" if x >= 1e6 else f"{x / 1e3:.3g}k" if x >= 1e4 else f"{x:g}"
        parts.append(
            f'<text x="{x_of(x):.1f}" y="{BOTTOM + 18}" text-anchor="middle">{label}</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{BOTTOM + 38}">{curve["unit"]}, over {curve["by"]}</text>')
    ends = {}
    for contestant, line in curve["lines"].items():
        places = [(x_of(x), *map(y_of, values)) for x, *values, _ in line]
        parts.append(_line(contestant, places))
        ends[contestant] = places[-1][1]
    parts += [_label(contestant, y) for contestant, y in apart(ends).items()]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _between(value: float, low: float, high: float, start: float, end: float) -> float:
    return start + (end - start) * (value - low) / ((high - low) or 1)


def _head(name: str, curve: dict[str, Any]) -> str:
    light = "".join(f".{name}{{color:{light}}}" for name, (light, _) in COLOURS.items())
    dark = "".join(f".{name}{{color:{dark}}}" for name, (_, dark) in COLOURS.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="13" role="img">\n'
        f"<title>{escape(TITLES[name])}</title>\n<desc>{escape(text(curve))}</desc>\n"
        f"<style>.ground{{fill:#fff}}text{{fill:#222}}.grid{{stroke:#8886}}.line{{fill:none;stroke:currentColor;"
        f"stroke-width:2}}.name{{fill:currentColor}}{light}"
        f"@media(prefers-color-scheme:dark){{.ground{{fill:#1a1c1e}}text{{fill:#ddd}}.name{{fill:currentColor}}{dark}}}"
        f'</style>\n<rect width="{WIDTH}" height="{HEIGHT}" class="ground"/>'
    )


def _line(contestant: str, places: list[tuple[float, ...]]) -> str:
    way = "L".join(f"{x:.1f} {y:.1f}" for x, y, *_ in places)
    bars = "".join(f"M{x:.1f} {least:.1f}V{most:.1f}" for x, _, least, most in places)
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3"/>' for x, y, *_ in places)
    return (
        f'<g class="{contestant}" fill="currentColor">'
        f'<path class="line" d="M{way}"/><path class="line" d="{bars}"/>{dots}</g>'
    )


def _label(contestant: str, y: float) -> str:
    return (
        f'<g class="{contestant}">'
        f'<text class="name" x="{RIGHT + 4}" y="{y + 4:.1f}">{contestant}</text></g>'
    )


def apart(ends: dict[str, float]) -> dict[str, float]:
    """The heights of the labels: as near to the ends of their lines as they do not overlap."""
    placed: dict[str, float] = {}
    next_free = -math.inf
    for contestant, y in sorted(ends.items(), key=lambda end: end[1]):
        placed[contestant] = max(y, next_free)
        next_free = placed[contestant] + LINE
    too_low = max(0.0, next_free - LINE - BOTTOM)
    return {contestant: y - too_low for contestant, y in placed.items()}


def text(curve: dict[str, Any]) -> str:
    """The medians of a curve in words, for those who do not see the picture."""
    lines = (
        f"{contestant} " + ", ".join(f"{median:g} at {x:g}" for x, median, *_ in line)
        for contestant, line in curve["lines"].items()
    )
    return f"{curve['unit']} over {curve['by']}: {'; '.join(lines)}."


def table(data: dict[str, Any]) -> str:
    """What a tree of SERVICES services with logs costs, as Markdown; everything is counted."""
    contestants = list(data["curves"]["memory"]["lines"])
    rows = [f"|  | {' | '.join(contestants)} |", "| -- |" + " -: |" * len(contestants)]
    for row, curve in ROWS.items():
        cells = [at(data, curve, contestant, SERVICES) for contestant in contestants]
        rows.append(f"| {row} | {' | '.join(map(short, cells))} |")
    each = [at(data, "memory", name, SERVICES) * 1024 / SERVICES for name in contestants]
    rows.insert(6, f"| — for each logged service, kB | {' | '.join(map(short, each))} |")
    return "\n".join(rows)


def short(value: float) -> str:
    """A number with three digits that count.

    >>> short(0.01234), short(1.5), short(1234.5)
    ('0.0123', '1.5', '1234')
    """
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def at(data: dict[str, Any], curve: str, contestant: str, x: int) -> float:
    """The median at one place of a line. Raises KeyError if nothing was measured there."""
    medians = {point[0]: point[1] for point in data["curves"][curve]["lines"][contestant]}
    value: float = medians[x]
    return value


def ratios(data: dict[str, Any]) -> str:
    """The figures that CI guards, as Markdown."""
    rows = ["|  | median | least to greatest |", "| -- | -: | -: |"]
    for what, (median, least, most, _) in data["ratios"].items():
        rows.append(f"| {what} | {median:.2f} | {least:.2f} to {most:.2f} |")
    return "\n".join(rows)


def origin(data: dict[str, Any]) -> str:
    """When, where and on what this was measured, as a sentence."""
    machine = data["machine"]
    versions = ", ".join(f"{name}: {version}" for name, version in data["versions"].items())
    return (
        f"Measured on {data['date']} on {machine['processors']} processors "
        f"({machine['system']}), whose load at the start was {machine['load']}. {versions}."
    )


def pictures(data: dict[str, Any]) -> dict[Path, str]:
    """Every picture, by its file."""
    return {
        PICTURES / f"{file_name(name)}.svg": draw(name, data["curves"][name]) for name in TITLES
    }


def file_name(curve: str) -> str:
    """The name of a picture's file, without its end."""
    return curve.replace(",", "").replace(" ", "-").lower()


def write() -> None:
    """Draw all pictures again."""
    PICTURES.mkdir(exist_ok=True)
    for file, picture in pictures(load()).items():
        file.write_text(picture)


def is_fresh() -> bool:
    """Are the committed pictures those that the data gives, and no others?"""
    wanted = pictures(load())
    return {file: file.read_text() for file in PICTURES.glob("*.svg")} == wanted


def as_markdown(what: str) -> str:
    """The text that takes the place of the directive."""
    data = load()
    made = {"table": table, "ratios": ratios, "origin": origin}.get(what)
    if made:
        return made(data)
    alternative = f"{TITLES[what]}; {text(data['curves'][what])}"
    return f"```{{image}} /diagrams/costs/{file_name(what)}.svg\n:alt: {alternative}\n```"


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from sphinx.util.docutils import SphinxDirective

    class Costs(SphinxDirective):
        required_arguments = 1
        final_argument_whitespace = True

        def run(self) -> list[Any]:
            self.env.note_dependency(str(DATA))
            return self.parse_text_to_nodes(as_markdown(self.arguments[0]))

    app.add_directive("costs", Costs)
    return {"version": "1", "parallel_read_safe": True}
