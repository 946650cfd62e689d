"""The journal of a test as a shell script: the same steps by hand, without the suite.

The files that a test makes before the first program starts are taken from the
folder itself; everything later comes from the journal. The script pauses where the
test did. A comment replaces what no shell can do (an environment entry without
`=`, say).
"""

import os
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemontools_conformance.running.journal import Entry, Journal

_SHORTEST_PAUSE = 0.05  # seconds; a shorter one is the suite's own work
_START_SECONDS = 0.3  # for a program in the background to start
_LARGEST_FILE = 65536
_MOST_FILES = 200


def shell_quoted(data: bytes) -> str:
    """One shell word (bash) for exactly these bytes."""
    text = data.decode("ascii", errors="replace")
    if text.isprintable() and "\ufffd" not in text:
        return shlex.quote(text)
    escapes = {39: "\\'", 92: "\\\\", 10: "\\n", 9: "\\t"}
    return (
        "$'"
        + "".join(
            escapes.get(byte) or (chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}")
            for byte in data
        )
        + "'"
    )


def tree(root: Path) -> list[str]:
    """The shell lines that make the current tree under `root`."""
    lines: list[str] = []
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted([*folders, *files]):
            if len(lines) > _MOST_FILES:
                return [*lines, "# ... and further files"]
            try:
                lines += _make(Path(folder) / name, root)
            except OSError as error:
                lines.append(f"# {name!r}: {error.strerror}")
    return lines


def _make(path: Path, root: Path) -> list[str]:
    name = _operand(path.relative_to(root))
    about = path.lstat()
    mode = f"{stat.S_IMODE(about.st_mode):o}"
    if path.is_symlink():
        return [f"ln -s {shell_quoted(os.fsencode(os.readlink(path)))} {name}"]
    if path.is_dir():
        return [f"mkdir -m {mode} {name}"]
    if stat.S_ISFIFO(about.st_mode):
        return [f"mkfifo -m {mode} {name}"]
    if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_FILE:
        return [f"# {name}: mode {mode}, {about.st_size} bytes, is left out"]
    return write(path.relative_to(root), path.read_bytes(), about.st_mode)


def _operand(name: Path) -> str:
    """A file name as a shell word that no command mistakes for an option."""
    data = os.fsencode(name)
    return shell_quoted(b"./" + data if data.startswith(b"-") else data)


def write(name: Path, content: bytes, mode: int) -> list[str]:
    """The shell line that writes a file."""
    quoted = _operand(name)
    if len(content) > _LARGEST_FILE:
        return [f"# {quoted}: {len(content)} bytes, left out"]
    made = (
        f"printf %s {shell_quoted(content)} > {quoted}" if b"\0" not in content else _octal(content)
    )
    made = made if b"\0" not in content else f"{made} > {quoted}"
    return [f"{made}; chmod {stat.S_IMODE(mode):o} {quoted}"]


def _octal(content: bytes) -> str:
    """A printf for content with NUL bytes, which no shell word can hold."""
    return "printf '" + "".join(f"\\{byte:03o}" for byte in content) + "'"


def script(title: str, start: list[str], journal: Journal) -> str:
    """The whole script; `start` holds the lines that make the first files."""
    lines = [
        "#!/bin/bash",
        *(f"# {line}" for line in title.splitlines()),
        'cd "$(mktemp -d)" && mkdir box && cd box',
        *start,
        *_steps(journal.entries),
        "kill $(jobs -p) 2>/dev/null || :",
    ]
    return "".join(f"{line}\n" for line in lines)


def _steps(entries: list[Entry]) -> Iterator[str]:
    """The lines for every step from the first start on."""
    began = next((n for n, entry in enumerate(entries) if entry.kind == "start"), len(entries))
    last = entries[began].at if began < len(entries) else 0.0
    names: dict[int, str] = {}  # process id in the test -> shell variable
    waited = {entry.facts["pid"] for entry in entries if entry.kind == "ended"}
    for entry in entries[began:]:
        if entry.at - last > _SHORTEST_PAUSE and entry.kind != "ended":
            yield f"sleep {entry.at - last:.2f}"
        last = entry.at
        match entry.kind:
            case "start":
                pid = entry.facts["pid"]
                at_once = _ends_next(entries, entry)
                yield from _start(entry.facts, at_once=at_once)
                if not at_once:
                    names[pid] = f"p{len(names) + 1}"
                    yield f"{names[pid]}=$!; sleep {_START_SECONDS}"
            case "ended" if entry.facts["pid"] in names:
                yield f"wait ${names[entry.facts['pid']]}; echo exit $?"
            case "write":
                yield from write(entry.facts["name"], entry.facts["content"], entry.facts["mode"])
            case "control":
                folder = shell_quoted(os.fsencode(entry.facts["service"]))
                letters = shell_quoted(entry.facts["letters"])
                yield f"printf %s {letters} > {folder}/supervise/control"
            case "signal":
                target = names.get(entry.facts["pid"])
                name = signal.Signals(entry.facts["signal"]).name.removeprefix("SIG")
                yield f"kill -{name} ${target}" if target else f"# kill -{name} another process"
            case "shell":
                yield entry.facts["line"]
            case "input":
                yield f"# written to its standard input: {shell_quoted(entry.facts['data'])}"
    if not waited and not names:
        yield ":"


def _ends_next(entries: list[Entry], start: Entry) -> bool:
    """Did the program end before anything else happened?"""
    after = [e for e in entries[entries.index(start) + 1 :] if e.kind not in ("input", "record")]
    return bool(after) and after[0].kind == "ended" and after[0].facts["pid"] == start.facts["pid"]


def _start(facts: dict[str, Any], *, at_once: bool) -> Iterator[str]:
    """The lines that start a program as the test did."""
    argv: list[bytes] = facts["argv"]
    file: bytes = facts["file"] or argv[0]
    before, env_options, after = _prepared([os.fsencode(o) for o in facts["prepare"]])
    environment = " ".join(shell_quoted(k + b"=" + v) for k, v in facts["env"].items())
    if file != argv[0] and os.path.basename(file) != argv[0]:
        # env cannot give a program another name, but a shell can.
        inner = shlex.quote('exec -a "$0" "$@"')
        command = f"bash -c {inner} {shell_quoted(argv[0])} {shell_quoted(file)}"
    else:
        command = shell_quoted(file)
    arguments = "".join(f" {shell_quoted(a)}" for a in argv[1:])
    folder = facts["cwd"]
    enter = f"cd {shell_quoted(os.fsencode(folder))} && " if folder not in ("", b"") else ""
    source = _input(facts)
    call = f"{enter}{before}exec env -i{env_options} {environment} {command}{arguments}{after}"
    ending = "; echo exit $?" if at_once else " &"
    yield f"{source[0]}( {call} ){source[1]}{ending}"


def _input(facts: dict[str, Any]) -> tuple[str, str]:
    data = facts.get("input")
    if data is None:
        return "", " < /dev/null"
    if len(data) > _LARGEST_FILE:
        return f"head -c {len(data)} /dev/zero | ", ""
    return (f"printf %s {shell_quoted(data)} | " if b"\0" not in data else f"{_octal(data)} | "), ""


_LIMITS = {
    "AS": "v", "CORE": "c", "CPU": "t", "DATA": "d", "FSIZE": "f", "NOFILE": "n",
    "NPROC": "u", "STACK": "s", "MEMLOCK": "l", "RSS": "m",
}  # fmt: skip
_IN_KILOBYTES = {"AS", "DATA", "STACK", "MEMLOCK", "RSS"}


def _prepared(options: list[bytes]) -> tuple[str, str, str]:
    """prepare.py's options in shell: what comes before exec, options of env, redirections."""
    before, env, after = "", "", ""
    words = [option.decode(errors="replace") for option in options]
    while words:
        option = words.pop(0)
        value = "" if option == "--empty-environ" else words.pop(0)
        match option:
            case "--umask":
                before += f"umask {value}; "
            case "--ignore":
                before += f"trap '' {value}; "
            case "--block":
                env += f" --block-signal={value}"
            case "--default":
                env += f" --default-signal={value}"
            case "--close":
                after += f" {value}>&-"
            case "--open":
                after += f" {value}<>/dev/null"
            case "--nice":
                before += f"renice -n {value} $BASHPID >/dev/null; "
            case "--user":
                uid, _, gid = value.partition(":")
                env += f" setpriv --reuid {uid} --regid {gid} --clear-groups env"
            case "--limit":
                before += _limit(value)
            case _:
                before += f": not repeated here: {option} {shlex.quote(value)}; "
    return before, env, after


def _limit(value: str) -> str:
    name, _, amount = value.partition("=")
    number = int(amount)
    scaled = number // 1024 if name in _IN_KILOBYTES else number
    scaled = number // 512 if name == "FSIZE" else scaled
    return f"ulimit -S -{_LIMITS.get(name, '?')} {scaled if number >= 0 else 'unlimited'}; "
