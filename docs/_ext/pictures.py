"""The drawn pictures of the book: their facts come from the reference, or are tried by a test.

    python docs/build.py --write   draws them again, into docs/diagrams

`{picture} NAME` shows one, with the directive's content as its caption. docs/test_pictures.py
compares with real processes what no module of the reference can say.
"""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cyclic_log
from drawing import LETTER, WIDTH, arrow, box, brace, line, picture, text

from daemontools.core import machine, rotate, status, tai64
from daemontools.core.local import localise
from daemontools.programs.svstat import describe

FOLDER = Path(__file__).parents[1] / "diagrams"

# THE TREE

SERVICE, LOGGER = "sleep 1000", "multilog t ./main"  # what the two run scripts become
# Depth, what `ps` shows, what it is.
TREE = [
    (0, "svscan service", "looks at service/ every five seconds"),
    (1, "supervise clock", "starts clock/run, again and again"),
    (2, SERVICE, "was clock/run, before its exec"),
    (1, "supervise log", "the same for clock/log/run"),
    (2, LOGGER, "was clock/log/run"),
]


def tree() -> str:
    """Who is whose parent, and the pipe between the two that work."""
    parts, places = [], {}
    for row, (depth, words, remark) in enumerate(TREE):
        x, y = 1 + 34 * depth, 4 + 50 * row
        width = LETTER * len(words) + 14
        parts += [box(x, y, width, 24, "tint"), text(x + 7, y + 16, words, "m")]
        parts.append(text(x + 7, y + 39, remark, "soft"))
        places[depth] = x
        if depth:
            parent = max(r for r in range(row) if TREE[r][0] == depth - 1)
            elbow = places[depth - 1] + 14
            parts.append(line([(elbow, 4 + 50 * parent + 46), (elbow, y + 12), (x, y + 12)]))
    out, into = 4 + 50 * 2 + 12, 4 + 50 * 4 + 12
    begin, end = (69 + LETTER * len(words) + 14 for words in (SERVICE, LOGGER))
    bend = WIDTH - 12
    parts.append(line([(begin, out), (bend, out), (bend, into)], "hot", "4 3"))
    parts.append(arrow((bend, into), (end, into), "hot"))
    parts.append(text(begin + 6, out - 5, "standard output", "small hot"))
    parts.append(text(end + 8, into - 5, "standard input", "small hot"))
    parts.append(text(bend - 6, (out + into) / 2 + 4, "pipe", "hot", "end"))
    alt = (
        f"A tree of five processes. {TREE[0][1]} has two children, {TREE[1][1]} and {TREE[3][1]}. "
        f"The child of the first is {SERVICE}, that of the second is {LOGGER}. "
        "A pipe leads from the standard output of the one to the standard input of the other."
    )
    return picture(4 + 50 * len(TREE), alt, parts)


# THE PIPE

WRITERS = ("svscan", "supervise clock", "clock/run")
READERS = ("svscan", "supervise log", "log/run")
# Who dies, and what happens next.
DEATHS = [
    ("clock/run", "supervise starts it again, on the same pipe."),
    ("log/run", "Lines wait in the pipe for the next one."),
    ("supervise clock", "svscan starts the next one, on the same pipe."),
    ("supervise log", "svscan starts the next one, on the same pipe."),
    ("svscan", "All others go on. A new svscan makes a new pipe."),
]


def pipe() -> str:
    """Who holds which end, and who is left after each death."""
    parts = [text(2, 14, "hold the writing end")]
    parts.append(text(WIDTH - 2, 14, "hold the reading end", "", "end"))
    parts += _ends(24, "")
    y = 112.0
    for number, (dead, then) in enumerate(DEATHS, 1):
        parts += [line([(0, y), (WIDTH, y)]), text(2, y + 19, f"{number}. {dead} dies.", "hot")]
        parts += [text(2, y + 37, then), *_ends(y + 47, dead)]
        y += 134
    alt = (
        f"A pipe. {_listed(WRITERS)} hold its writing end, {_listed(READERS)} its reading end. "
        + " ".join(
            f"When {dead} dies, the writing end is still held by "
            f"{_listed([w for w in WRITERS if w != dead])}, the reading end by "
            f"{_listed([r for r in READERS if r != dead])}. {then}"
            for dead, then in DEATHS
        )
    )
    return picture(y, alt, parts)


def _ends(y: float, dead: str) -> list[str]:
    """Three writers, the pipe, three readers; the dead one is struck out."""
    parts = [box(142, y + 14, 76, 44, "tint"), text(180, y + 40, "pipe", "", "middle")]
    for row in range(3):
        at = y + 26 * row
        for name, x, ends in ((WRITERS[row], 1, (121, 142)), (READERS[row], 239, (218, 239))):
            kind = "hot" if name == dead else ""
            parts += [box(x, at, 120, 21, kind), text(x + 6, at + 15, name, f"m {kind}")]
            if name == dead:
                parts.append(line([(x + 3, at + 10.5), (x + 117, at + 10.5)], "hot"))
            else:
                middle = min(max(at + 10.5, y + 22), y + 50)
                parts.append(line([(ends[0], at + 10.5), (ends[1], middle)] if x == 1
                                  else [(ends[0], middle), (ends[1], at + 10.5)]))  # fmt: skip
    return parts


def _listed(names: "tuple[str, ...] | list[str]") -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}"


# A TIME LINE

PID, STARTED, LATER = 4711, 1732615926, 86
LANES = {"svc": 26, "control": 120, "supervise": 220, "./run": 326}


class _Row(NamedTuple):
    """One moment: who, to whom, what is said; or what is in the status file."""

    frm: str
    to: str
    what: str


def moments() -> "list[_Row | bytes]":
    """What happens after `svc -d`, from core/machine.py; bytes are a new status file."""
    state: machine.State = (True, machine.UP, False, False)
    rows: list[_Row | bytes] = [_status(state)]
    rows += [_Row("svc", "control", "d"), _Row("control", "supervise", "d")]
    state, actions = machine.on_command(state, b"d")
    for action in actions:
        rows.append(
            _status(state) if action == machine.ANNOUNCE else _Row("supervise", "./run", action)
        )
    rows.append(_Row("./run", "supervise", "ends: CHLD"))
    state, actions = machine.on_exit(state)
    assert actions == (machine.ANNOUNCE,)
    return [*rows, _status(state)]


def _status(state: "machine.State") -> bytes:
    up, want, paused, _ = state
    stamp = STARTED if up else STARTED + LATER
    return status.pack((stamp, 0), PID if up else 0, paused=paused, want=want)


def svc_d() -> str:
    """From `svc -d` to the end of the service."""
    parts = [text(x, 14, name, "m", "middle") for name, x in LANES.items()]
    said, y, top = [], 24.0, 24.0
    for row in moments():
        if isinstance(row, bytes):
            words = describe(row, STARTED + LATER, normally_up=True)
            parts += _lanes(top, y)
            parts += [
                box(1, y + 2, WIDTH - 2, 42, "tint"),
                text(8, y + 18, f"bytes 12-17  {row[12:].hex(' ')}", "m"),
            ]
            parts.append(text(8, y + 36, f"svstat  {words}", "m"))
            said.append(f"status ends with {row[12:].hex(' ')}, and svstat says {words}")
            y += 46
            top = y
        else:
            x, x2 = LANES[row.frm], LANES[row.to]
            parts += [
                arrow((x, y + 24), (x2, y + 24), "hot"),
                text((x + x2) / 2, y + 19, row.what, "m", "middle"),
            ]
            said.append(f"{row.frm} to {row.to}: {row.what}")
            y += 30
    return picture(y + 2, "What svc -d leads to, in order: " + "; ".join(said) + ".", parts)


def _lanes(top: float, bottom: float) -> list[str]:
    return [line([(x, top), (x, bottom + 2)], "", "2 4") for x in LANES.values()]


# BYTES


def status_bytes() -> str:
    """The 18 bytes, one by one."""
    content = status.pack((STARTED, 500), PID, paused=False, want=b"u")
    cell = WIDTH / status.SIZE
    parts = []
    for number, byte in enumerate(content):
        x = cell * number
        parts.append(text(x + cell / 2, 12, str(number), "tiny soft", "middle"))
        parts += [
            box(x + 0.5, 18, cell - 1, 22, "tint"),
            text(x + cell / 2, 33, f"{byte:02x}", "m small", "middle"),
        ]
    second, pid, paused, want = status.unpack(content)
    fields = [  # from the left, the longest last: no stem crosses the words of another
        (8, 12, f"nanoseconds: {int.from_bytes(content[8:12], 'big')}"),
        (12, 16, f"process id, little-endian: {pid}"),
        (16, 17, f"paused: {int(paused)}"),
        (17, 18, f"wanted: {want.decode()}"),
        (0, 8, f"seconds: 2^62 + 10 + {second - tai64.UNIX_EPOCH}"),
    ]
    for row, (first, end, words) in enumerate(fields):
        y = 66 + 22 * row
        left, right = cell * first + 2, cell * end - 2
        stem, side, anchor = ((left + right) / 2, -1, "end") if first else (8, 1, "start")
        parts += [
            line([(left, 42), (left, 47), (right, 47), (right, 42)]),
            line([(stem, 47), (stem, y - 4), (stem + 6 * side, y - 4)]),
            text(stem + 9 * side, y, words, "", anchor),
        ]
    alt = f"The 18 bytes {content.hex(' ')}. " + " ".join(
        f"{f'Bytes {first} to {end - 1}' if end - first > 1 else f'Byte {first}'}: {words}."
        for first, end, words in sorted(fields)
    )
    return picture(66 + 22 * len(fields) - 14, alt, parts)


LABEL = b"@4000000037c219bf2ef02e94"  # djb's own example


def label() -> str:
    """A TAI64N label, taken apart by hand."""
    digits = LABEL[1:].decode()
    second, nano = int(digits[:16], 16), int(digits[16:], 16)
    date = localise(LABEL + b"\n", lambda second: time.gmtime(second)[:6]).decode().strip()
    wide = LETTER * 17 / 12
    parts, x = [text(6, 22, "@", "m large")], 6 + wide * 1.4
    for chunk, words, kind in ((digits[:16], "seconds", ""), (digits[16:], "nanoseconds", "hot")):
        end = x + wide * len(chunk)
        parts.append(text(x, 22, chunk, f"m large {kind}"))
        parts += [brace(x, end, 28, 6), text((x + end) / 2, 54, words, kind, "middle")]
        x = end + 8
    unix = second - tai64.UNIX_EPOCH
    steps = [
        (f"0x{digits[:16]}", f"{second}", "as a number"),
        ("- 2^62", f"{second - 2**62}", "seconds since 1970, TAI"),
        ("- 10", f"{unix}", "the machine's time"),
        (f"0x{digits[16:]}", f"{nano}", "nanoseconds"),
    ]
    y = 82
    for left, result, meaning in steps:
        parts += [text(148, y, left, "m", "end"), text(158, y, "="), text(172, y, result, "m")]
        parts.append(text(172, y + 15, meaning, "soft"))
        y += 36
    parts += [
        box(1, y - 14, WIDTH - 2, 26, "tint"),
        text(WIDTH / 2, y + 4, f"{date} UTC", "m", "middle"),
    ]
    alt = f"The label {LABEL.decode()}. " + " ".join(f"{a} = {b}, {c}." for a, b, c in steps)
    return picture(y + 14, f"{alt} Together: {date} UTC.", parts)


# A ROTATION


class Frame(NamedTuple):
    """A call, and the directory after it: file -> mode."""

    call: str
    files: cyclic_log.Directory


def rotation_frames() -> list[Frame]:
    """A rotation without a processor, from core/rotate.py."""
    steps = cyclic_log.walk(cyclic_log.WRITING, rotate.FULL + rotate.KEEP)
    changes = [Frame(cyclic_log.said(step), files) for step, files in steps if step[0] != "sync"]
    return [Frame("", cyclic_log.WRITING), *changes]


CRASH_AFTER = 3  # calls: `previous` and a new `current` exist, and neither is marked


def crash_frames() -> list[Frame]:
    """The machine stops in the middle of that rotation; a new multilog puts things right."""
    left = rotation_frames()[CRASH_AFTER].files
    *_, (_, files) = cyclic_log.walk(left, cyclic_log.restart(left))
    return [Frame("the machine stops", left), Frame("a new multilog has started", files)]


def strip() -> str:
    """One rotation as a strip of listings, and a crash in it."""
    parts: list[str] = [text(2, 14, "A rotation:")]
    y = _frames(parts, rotation_frames(), 22)
    parts.append(text(2, y + 16, f"The same, but the power fails after step {CRASH_AFTER}:"))
    y = _frames(parts, crash_frames(), y + 24)
    said = "; ".join(
        f"{frame.call or 'before'}: {', '.join(cyclic_log.shown(frame.files))}"
        for frame in [*rotation_frames(), *crash_frames()]
    )
    return picture(y, f"Listings of a log directory during a rotation. {said}.", parts)


def _frames(parts: list[str], frames: list[Frame], y: float) -> float:
    """Draw the frames, two a row; return where they end."""
    before: cyclic_log.Directory = frames[0].files
    is_rotation = not frames[0].call
    for number, frame in enumerate(frames):
        x, top = 1 + 182 * (number % 2), y + 100 * (number // 2)
        title = frame.call or "before"
        title = f"{number}. {title}" if is_rotation and number else title
        parts += [box(x, top, 176, 92, "tint"), text(x + 7, top + 17, title, "small")]
        for row, entry in enumerate(cyclic_log.shown(frame.files)):
            name, mode = entry.split()
            is_new = before.get(name, "").rstrip("+") != mode and frame is not frames[0]
            file = re.sub("@.*[.]", "@4000...", name)
            words = f"{_letters(mode)}  {file}"
            parts.append(text(x + 7, top + 36 + 16 * row, words, "m hot" if is_new else "m"))
        before = frame.files
    return y + 100 * ((len(frames) + 1) // 2)


def _letters(mode: str) -> str:
    """A mode as `ls` shows it: 644 is rw-r--r--."""
    return "-" + "".join("rwx"[i] if int(d) & (4, 2, 1)[i] else "-" for d in mode for i in range(3))


# A CHAIN

CHAIN = [
    ("sh ./run", "reads the line, and becomes its first program"),
    ("softlimit -m 100000000", "memory limited to 100,000,000 bytes"),
    ("envdir ./env", "the environment, from the files in env"),
    ("setuidgid www", "user and groups: www, and only www"),
    ("./httpd", "serves, with all of that"),
]


def chain() -> str:
    """One process, and the programs that it becomes."""
    high = 62
    parts = [
        box(1, 1, WIDTH - 2, 34 + high * len(CHAIN), ""),
        text(12, 21, f"one process: pid {PID}, a child of supervise"),
    ]
    for row, (words, does) in enumerate(CHAIN):
        y = 34 + high * row
        parts += [box(12, y, WIDTH - 24, 42, "tint"), text(20, y + 17, words, "m")]
        parts.append(text(20, y + 34, does, "soft"))
        if row:
            parts += [arrow((40, y - 20), (40, y), "hot"), text(50, y - 6, "exec", "m hot")]
    alt = f"One process, pid {PID}, runs one program after the other: " + "; ".join(
        f"{words}: {does}" for words, does in CHAIN
    )
    return picture(36 + high * len(CHAIN), f"{alt}.", parts)


PICTURES: dict[str, Callable[[], str]] = {
    "tree": tree,
    "pipe": pipe,
    "svc-d": svc_d,
    "status": status_bytes,
    "label": label,
    "rotation": strip,
    "chain": chain,
}


def write() -> None:
    """Draw all of them again."""
    for name, draw in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw())


def stale() -> list[str]:
    """The pictures that are not what the code draws."""
    files = {name: FOLDER / f"{name}.svg" for name in PICTURES}
    return [n for n, f in files.items() if not f.exists() or f.read_text() != PICTURES[n]()]


def setup(app: Any) -> dict[str, Any]:
    """Sphinx calls this."""
    from docutils import nodes
    from sphinx.transforms.post_transforms import SphinxPostTransform
    from sphinx.util.docutils import SphinxDirective

    def drawing(file: Path) -> nodes.raw:
        """The drawing as a part of the page, which has the style (docs/_static/site.css)."""
        return nodes.raw(
            "", re.sub("<style>.*?</style>", "", file.read_text(), flags=re.DOTALL), format="html"
        )

    class Inline(SphinxPostTransform):
        """An image that is one of the drawings becomes a part of the page, too."""

        default_priority = 1
        formats = ("html",)

        def run(self, **_: Any) -> None:
            for image in list(self.document.findall(nodes.image)):
                file = FOLDER.parent / image["uri"]
                if file.suffix == ".svg" and 'class="drawing' in file.read_text():
                    inline: nodes.Node = drawing(file)
                    if "sketch" not in file.read_text():  # it is wider than a telephone
                        inline = nodes.container("", inline, classes=["wide"])
                    image.replace_self(inline)

    class Picture(SphinxDirective):
        required_arguments = 1
        has_content = True

        def run(self) -> list[nodes.Node]:
            """A figure."""
            file = FOLDER / f"{self.arguments[0]}.svg"
            self.env.note_dependency(str(file))
            figure = nodes.figure("", drawing(file))
            caption = self.parse_inline(" ".join(self.content), lineno=self.lineno)[0]
            figure += nodes.caption("", "", *caption)
            return [figure]

    app.add_directive("picture", Picture)
    app.add_post_transform(Inline)
    return {"version": "1", "parallel_read_safe": True}
