"""The journal of a test as a shell script: the same steps by hand, without the suite.

The files that a test makes before the first program starts are taken from the
folder itself; everything later comes from the journal. The script pauses where the
test did, does what the test did without the suite's help (`witness`), and shows what
the test looked at. A comment replaces what no shell can do (an environment entry
without `=`, say).
"""

import os
import shlex
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from daemontools_conformance.running.evidence import walk
from daemontools_conformance.running.journal import SHORTEST_PAUSE, Entry, Journal

_START_SECONDS = 0.3  # for a program in the background to start
_LONGEST_PAUSE = 5.0  # of a wait in vain, which could last for ever
_LARGEST_FILE = 65536
_MOST_FILES = 200
# Each byte as it is between $' and '
_ESCAPED = [chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in range(256)]
for _byte, _escape in {39: "\\'", 92: "\\\\", 10: "\\n", 9: "\\t"}.items():
    _ESCAPED[_byte] = _escape


def shell_quoted(data: bytes) -> str:
    """One shell word (bash) for exactly these bytes."""
    text = data.decode("ascii", errors="replace")
    if text.isprintable() and "\ufffd" not in text:
        return shlex.quote(text)
    return "$'" + "".join([_ESCAPED[byte] for byte in data]) + "'"


def tree(root: Path) -> list[str]:
    """The shell lines that make the current tree under `root`."""
    lines: list[str] = []
    for path in walk(root):
        if len(lines) > _MOST_FILES:
            return [*lines, "# ... and further files"]
        try:
            lines += _make(path, root)
        except OSError as error:
            lines.append(f"# {path.name!r}: {error.strerror}")
    return lines


def _make(path: Path, root: Path) -> list[str]:
    name = _operand(path.relative_to(root))
    about = path.lstat()
    mode = f"{stat.S_IMODE(about.st_mode):o}"
    if stat.S_ISLNK(about.st_mode):
        return [f"ln -s {shell_quoted(os.fsencode(os.readlink(path)))} {name}"]
    if stat.S_ISDIR(about.st_mode):
        return [f"mkdir -m {mode} {name}"]
    if stat.S_ISFIFO(about.st_mode):
        return [f"mkfifo -m {mode} {name}"]
    if stat.S_ISREG(about.st_mode):
        with open(path, "rb") as file:
            content = file.read(_LARGEST_FILE)
            content += file.read() if content.startswith(b"\x7fELF") else b""
        if len(content) == about.st_size and (about.st_size <= _LARGEST_FILE or _original(content)):
            return write(path.relative_to(root), content, about.st_mode)
    return [f"# {name}: mode {mode}, {about.st_size} bytes, is left out"]


def _operand(name: Path) -> str:
    """A file name as a shell word that no command mistakes for an option."""
    data = os.fsencode(name)
    return shell_quoted(b"./" + data if data.startswith(b"-") else data)


def write(name: Path, content: bytes, mode: int) -> list[str]:
    """The shell line that writes a file."""
    quoted = _operand(name)
    if original := _original(content):
        return [f"cp {shell_quoted(os.fsencode(original))} {quoted}"]
    if len(content) > _LARGEST_FILE:
        return [f"# {quoted}: {len(content)} bytes, left out"]
    made = (
        f"printf %s {shell_quoted(content)} > {quoted}" if b"\0" not in content else _octal(content)
    )
    made = made if b"\0" not in content else f"{made} > {quoted}"
    return [f"{made}; chmod {stat.S_IMODE(mode):o} {quoted}"]


def _original(content: bytes) -> str:
    """The program of this machine that a test has copied; "" if it is none."""
    if content.startswith(b"\x7fELF"):
        for folder in ("/usr/bin", "/bin"):
            with os.scandir(folder) as entries:
                for entry in entries:
                    is_as_large = entry.is_file() and entry.stat().st_size == len(content)
                    if is_as_large and Path(entry.path).read_bytes() == content:
                        return entry.path
    return ""


def _octal(content: bytes) -> str:
    """A printf for content with NUL bytes, which no shell word can hold."""
    return "printf '" + "".join(f"\\{byte:03o}" for byte in content) + "'"


# What the lines use. Each is defined only in a script that needs it.
_FUNCTIONS = {
    "show": "show() { for f in cmdline environ; do tr '\\0' '\\n' < /proc/$1/$f; done; "
    "grep -E '^(Uid|Gid|Groups|Umask|Sig|Cap|NoNew)' /proc/$1/status; readlink /proc/$1/cwd; "
    "cat /proc/$1/limits; ls -l /proc/$1/fd; }",
    "pid_of": "pid_of() { for p in $(inside); do "
    "[ \"$(tr '\\0' ' ' < /proc/$p/cmdline)\" = \"$* \" ] && echo $p; "
    "done 2>/dev/null | sort -n | tail -n 1; }",
    "look": "look() { stat -c '-- %n, inode %i' \"$1\"; "
    'if grep -qI . "$1"; then head -c 2000 "$1"; '
    'else head -c 2000 "$1" | od -An -c; fi; }',
}

# The processes that work in the script's folder: all that it has started, and itself. Where the
# folder could not be made, `here` is empty, and nothing is ended.
_INSIDE = (
    'inside() { [ -n "$here" ] && ls -ld /proc/[0-9]*/cwd 2>/dev/null | '
    'sed -n -e "s|.*/proc/\\([0-9]*\\)/cwd -> $here\\$|\\1|p" '
    '-e "s|.*/proc/\\([0-9]*\\)/cwd -> $here[/ ].*|\\1|p"; }'
)
_END = "end() { kill -KILL $(inside | grep -vx $$) 2>/dev/null; }; end; sleep 0.1; end"


def script(title: str, start: list[str], journal: Journal, box: Path | None = None) -> str:
    """The whole script; `start` holds the lines that make the first files.

    The script works in a new folder, or in a folder named `box` if a line has that name.
    """
    steps = [*start, *_Steps(journal.entries).lines()]
    needed = [text for name, text in _FUNCTIONS.items() if any(f"{name} " in s for s in steps)]
    enter = 'here=; cd "$(mktemp -d)" && mkdir box && cd box && here=$PWD'
    if box and any(str(box) in line for line in steps):
        place = shlex.quote(str(box))
        enter = f"here=; rm -rf {place}; mkdir -p {place} && cd {place} && here=$PWD"
    has_background = any("&" in step for step in steps)
    lines = [
        "#!/bin/bash",
        *(f"# {line}" for line in title.splitlines()),
        enter,
        *([_INSIDE] if has_background else []),
        *needed,
        *steps,
        "ls -lAR",
        *([_END] if has_background else []),
    ]
    return "".join(f"{line}\n" for line in lines)


class _Steps:
    """The lines of a journal, and what they know of one another."""

    def __init__(self, entries: list[Entry]) -> None:
        self.entries = entries
        self.names: dict[int, str] = {}  # process id in the test -> shell variable
        self.fed: set[int] = set()  # processes whose input comes through a FIFO
        self.given: set[int] = set()  # processes that got all of it at their start
        self.began = next((n for n, e in enumerate(entries) if e.kind == "start"), len(entries))

    def lines(self) -> Iterator[str]:
        """The lines for every step; before the first start, only for what goes on since."""
        now = self.entries[self.began].at if self.began < len(self.entries) else 0.0
        why = ""
        looks: list[str] = []
        for number, entry in enumerate(self.entries):
            if number < self.began and entry.kind not in ("reads", "hold", "release"):
                continue
            if _is_look(entry):  # comes after the pause, just before the next step
                looks += [] if self._is_repeated(number, entry) else self._of(number, entry)
                continue
            if entry.kind == "waited" and not entry.facts["in_vain"]:
                why = entry.facts["what"]
                continue
            made = list(self._of(number, entry))
            if made and entry.kind != "ended":
                longest = _LONGEST_PAUSE if entry.kind in ("waited", "hung") else float("inf")
                yield from _pause(min(entry.at - now, longest), why)
                yield from looks
                looks = []
            if made or entry.kind == "ended":
                now, why = entry.at, ""
            if entry.kind == "start" and entry.facts["pid"] in self.names:
                now += _START_SECONDS  # its lines pause by themselves
            yield from made
        yield from looks

    def _is_repeated(self, number: int, entry: Entry) -> bool:
        """Does the test look at the same once more, before the next step?"""
        for later in self.entries[number + 1 :]:
            if later.kind == entry.kind and _what(later) == _what(entry):
                return True
            if not _is_look(later) and later.kind != "waited":
                break
        return False

    def _of(self, number: int, entry: Entry) -> Iterator[str]:
        facts = entry.facts
        match entry.kind:
            case "start":
                yield from self._started(number, facts)
            case "ended" if facts["pid"] in self.names:
                yield f"wait ${self.names[facts['pid']]}; echo exit $?"
            case "waited":
                yield f"# here the suite waited in vain for: {' '.join(facts['what'].split())}"
            case "hung" if facts["pid"] in self.names:
                yield f"kill -0 ${self.names[facts['pid']]} && echo it has not ended"
            case "write":
                yield from write(facts["name"], facts["content"], facts["mode"])
            case "control":
                folder = shell_quoted(os.fsencode(facts["service"]))
                letters = shell_quoted(facts["letters"])
                yield f"printf %s {letters} > {folder}/supervise/control"
            case "signal":
                name = signal.Signals(facts["signal"]).name.removeprefix("SIG")
                yield f"kill -{name} {self._process(facts)}"
            case "record":
                yield f"show {self._process({'argv': facts['seen'].argv, **facts})}"
            case "shell":
                yield facts["line"]
            case "runs":
                yield " ".join(map(shell_quoted, facts["argv"]))
            case "input" | "end of input":
                yield from self._fed(entry)
            case _:
                yield from self._of_file(entry)

    def _of_file(self, entry: Entry) -> Iterator[str]:
        name = _operand(Path(os.fsdecode(entry.facts.get("name", b"."))))
        match entry.kind:
            case "looks":
                yield f"look {name}"
            case "reads":
                yield f"cat <> {name} & sleep {_START_SECONDS}"
            case "opens":
                yield f"# here the suite opened the FIFO {name} for writing"
            case "tries":
                yield f"flock -n {name} echo {name} is not locked || echo {name} is locked"
            case "hold":
                holder = f"h{entry.facts['fd']}"
                yield f"( flock 9; exec sleep 1000 ) 9>> {name} & {holder}=$!; sleep 0.1"
            case "release":
                yield f"kill $h{entry.facts['fd']}; sleep 0.1"

    def _started(self, number: int, facts: dict[str, Any]) -> Iterator[str]:
        pid = facts["pid"]
        after = [e for e in self.entries[number + 1 :] if e.kind not in _BESIDE]
        at_once = bool(after) and after[0].kind == "ended" and after[0].facts["pid"] == pid
        if at_once:
            if facts.get("stdin") == "pipe" and "input" not in facts:
                self.given.add(pid)
                facts = {**facts, "input": b"".join(self._written_to(number))}
            (call,) = _start(facts, at_once=True)
            if after[0].facts.get("tells_number"):  # its own process id, perhaps
                call = call.replace("; echo exit $?", " & echo process $!; wait $!; echo exit $?")
            yield call
            return
        name = f"p{len(self.names) + 1}"
        self.names[pid] = name
        is_fed = facts.get("stdin") == "pipe" and "input" not in facts
        if is_fed:
            self.fed.add(pid)
            yield f"mkfifo ../{name}"
            facts = {**facts, "stdin": f"../{name}"}
        (call,) = _start(facts, at_once=False)
        yield f"{call} {name}=$!"
        yield (
            f"exec {{in_{name}}}> ../{name}; sleep {_START_SECONDS}"
            if is_fed
            else (f"sleep {_START_SECONDS}")
        )

    def _written_to(self, number: int) -> Iterator[bytes]:
        """What was written to the program of this start until it ended."""
        for entry in self.entries[number + 1 :]:
            if entry.kind == "ended":
                return
            if entry.kind == "input":
                yield entry.facts["data"]

    def _fed(self, entry: Entry) -> Iterator[str]:
        pid = entry.facts.get("pid")
        if pid in self.given:
            return
        if pid not in self.fed:
            if "data" in entry.facts:
                yield f"# written to its standard input: {shell_quoted(entry.facts['data'])}"
        elif entry.kind == "input":
            yield f"{_printed(entry.facts['data'])} >&${{in_{self.names[pid]}}}"
        else:
            yield f"exec {{in_{self.names[pid]}}}>&-"

    def _process(self, facts: dict[str, Any]) -> str:
        if facts["pid"] in self.names:
            return f"${self.names[facts['pid']]}"
        words = " ".join(shell_quoted(word) for word in facts.get("argv", ()))
        return f"$(pid_of {words})"


_BESIDE = ("input", "end of input", "record", "waited", "looks")


def _is_look(entry: Entry) -> bool:
    is_listing = entry.kind == "runs" and entry.facts["argv"][0] == b"ls"
    return is_listing or entry.kind in ("looks", "record", "tries")


def _pause(seconds: float, why: str) -> Iterator[str]:
    if seconds > SHORTEST_PAUSE:
        yield f"sleep {seconds:.2f}" + (f"  # until: {' '.join(why.split())}" if why else "")


def _what(entry: Entry) -> object:
    return entry.facts.get("pid") or entry.facts.get("name") or entry.facts.get("argv")


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
    setsid = "setsid " if facts.get("new_session") else ""
    passed = "".join(f" {fd}<{shlex.quote(to)}" for fd, to in facts.get("passed", {}).items())
    call = f"{enter}{before}exec {setsid}env -i{env_options} {environment} {command}{arguments}"
    ending = "; echo exit $?" if at_once else " &"
    yield f"{source[0]}( {call}{after} ){source[1]}{_outputs(facts)}{passed}{ending}"


def _outputs(facts: dict[str, Any]) -> str:
    """Where standard output and standard error go if the test has given a file."""
    places = []
    for number, name in (("1", "stdout"), ("2", "stderr")):
        target = facts.get(name, "")
        if target == "stdout":
            places.append(f" {number}>&1")
        elif target.startswith("/") and ".evidence/" not in target and "/dev/pts" not in target:
            places.append(f" {number}>> {shlex.quote(target)}")
    return "".join(places)


def _input(facts: dict[str, Any]) -> tuple[str, str]:
    data = facts.get("input")
    if data is not None:
        return f"{_printed(data)} | ", ""
    source = facts.get("stdin", "")
    is_file = source.startswith(("/", "../p")) and "/dev/pts" not in source
    return "", f" < {shlex.quote(source) if is_file else '/dev/null'}"


def _printed(data: bytes) -> str:
    """The command that prints this; a large amount is repeated text or zeros."""
    if len(data) > _LARGEST_FILE:
        unit = data[: data.find(b"\n") + 1] or data[:1]
        if unit * (len(data) // len(unit)) == data and b"\0" not in unit:
            text = shell_quoted(unit.rstrip(b"\n"))
            newline = "" if unit.endswith(b"\n") else " | tr -d '\\n'"
            return f"yes {text}{newline} | head -c {len(data)}"
        return f"head -c {len(data)} /dev/zero"
    return f"printf %s {shell_quoted(data)}" if b"\0" not in data else _octal(data)


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
