"""`daemontools watch`: the status, live, with keys for svc's letters.

The only subcommand that needs a library: blessed (Debian's python3-blessed, or pip install
blessed). The arrows choose a service; a letter of svc is sent to it, as svc does it; the last
lines of its log are below. `q` ends. Restarts are counted from the beginning of the watch.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from daemontools import services
from daemontools.companion import when
from daemontools.companion.status import Seen, add_trees, as_lines, expand, look
from daemontools.companion.words import printable
from daemontools.unix.opening import open_write

if TYPE_CHECKING:
    from blessed import Terminal

DESCRIPTION = """Show the status of services, live. Up and down choose a service; the letters
u d o x p c h a i t k are sent to it as svc does it; q ends."""

LETTERS = "udoxpchaitk"
MISSING = "daemontools watch: needs Python's library blessed (Debian's package: python3-blessed)"
LOG_LINES = 8


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_trees(parser)
    parser.add_argument(
        "--every",
        type=when.seconds,
        default=1.0,
        metavar="SECONDS",
        help="how often to look (default: 1)",
    )


def main(options: argparse.Namespace) -> int:
    """Show the table until q is pressed. Raises OSError if a tree cannot be read."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        print("daemontools watch: needs a terminal; try daemontools status", file=sys.stderr)
        return 100
    try:
        terminal = _terminal()
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 111
    chosen, said = 0, ""
    history: dict[Path, list[bytes]] = {}
    with terminal.fullscreen(), terminal.cbreak(), terminal.hidden_cursor():
        while True:
            seen = [_counted(one, history) for one in look(_all(options.directory), 0)]
            chosen = min(chosen, max(len(seen) - 1, 0))
            print(terminal.home + _picture(terminal, seen, chosen, said), end="", flush=True)
            key = terminal.inkey(timeout=options.every)
            if key == "q" or key == "\x03":
                return 0
            if key.name in ("KEY_UP", "KEY_DOWN") and seen:
                chosen = (chosen + (1 if key.name == "KEY_DOWN" else -1)) % len(seen)
            elif key and key in LETTERS and seen:
                said = send(seen[chosen].service.directory, str(key))


def _terminal() -> "Terminal":
    """The terminal. Raises ImportError. A launcher starts without the site module (-S)."""
    try:
        from blessed import Terminal
    except ImportError:
        import site

        site.main()
        from blessed import Terminal
    return Terminal()


def _all(names: list[str]) -> list[Path]:
    return [path for name in names for path in expand(name)]


def send(directory: Path, letter: str) -> str:
    """Write a letter to the service's control FIFO; what came of it, in words."""
    try:
        fd = open_write(directory / "supervise/control")
    except OSError as error:
        return f"{printable(directory.name)}: unable to send {letter}: {error.strerror}"
    try:
        os.write(fd, letter.encode())
    except OSError as error:
        return f"{printable(directory.name)}: unable to send {letter}: {error.strerror}"
    finally:
        os.close(fd)
    return f"{printable(directory.name)}: {letter} sent"


def _counted(one: Seen, history: dict[Path, list[bytes]]) -> Seen:
    """The same, with the starts that were seen since the watch began."""
    counts = []
    for status in one.both:
        changes = history.setdefault(status.directory, [])
        if status.pid and status.change not in changes:
            changes.append(status.change)
        counts.append(max(len(changes) - 1, 0))
    return one._replace(restarts=counts[0], logger_restarts=sum(counts[1:]))


def _picture(terminal: "Terminal", seen: list[Seen], chosen: int, said: str) -> str:
    """What fills the screen: the services around the chosen one, its log, and the keys."""
    room = max(terminal.height - LOG_LINES - 3, 1)
    first = max(min(chosen - room // 2, len(seen) - room), 0)
    lines = as_lines(seen, terminal.width, is_coloured=False)
    rows = []
    for number, line in enumerate(lines[first : first + room], start=first):
        row = terminal.ljust(line)
        bad = not seen[number].is_as_wanted
        row = terminal.red(row) if bad else row
        rows.append(terminal.reverse(row) if number == chosen else row)
    rows += [""] * (room - len(rows))
    rows.append(terminal.bold(terminal.ljust(_title(seen, chosen))))
    rows += _last_lines(seen[chosen], terminal.width) if seen else [""] * LOG_LINES
    rows.append(terminal.ljust(said))
    rows.append(f"up/down choose, {' '.join(LETTERS)} as in svc, q quit"[: terminal.width])
    return "\r\n".join(row + terminal.clear_eol for row in rows)


def _title(seen: list[Seen], chosen: int) -> str:
    bad = sum(1 for one in seen if not one.is_as_wanted)
    name = printable(seen[chosen].service.name) if seen else "no services"
    return f"{name} - {len(seen)} services, {bad} not as wanted"


def _last_lines(one: Seen, width: int) -> list[str]:
    """The last lines of the log, as many as there is room for."""
    lines = services.last_lines(one.log.directory, LOG_LINES) if one.log else []
    shown = [printable(line)[:width] for line in lines]
    return shown + [""] * (LOG_LINES - len(shown))
