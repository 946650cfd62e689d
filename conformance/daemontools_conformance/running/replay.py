"""The journal of a test as a shell script: the same steps by hand, without the suite.

The files that a test makes before the first program starts are taken from the
folder itself; everything later comes from the journal. The script pauses where the
test did, does what the test did without the suite's help (`witness`), and shows what
the test looked at. A line that begins with `# here the suite` replaces what no shell can
do (an environment entry without `=`, say).
"""

import base64
import gzip
import os
import re
import shlex
import signal
import stat
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

from daemontools_conformance.running import prepare
from daemontools_conformance.running.evidence import walk
from daemontools_conformance.running.journal import SHORTEST_PAUSE, Entry, Journal
from daemontools_conformance.running.status import SIZE, TAI64_UNIX_EPOCH

_START_SECONDS = 0.5  # for a program in the background to start
_LONGEST_PAUSE = 5.0  # of a wait in vain, which could last for ever
_LARGEST, _LARGEST_PACKED = 65536, 1 << 19  # bytes that a line holds
_RECENT = 86400  # seconds: the age of a stamp that a test took from the clock
_MOST_READ = 1 << 23  # bytes of a file
_MOST_FILES, _MOST_LINES = 1000, 200  # that there are at first, and lines that make them
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
    links: dict[tuple[int, int], Path] = {}  # a file -> its first name
    made: list[tuple[str, str, str]] = []  # command, mode of a written file, operand
    further = ("# here the suite made further files", "", "")
    for path in walk(root):
        if len(made) >= _MOST_FILES:
            made.append(further)
            break
        try:
            made += _make(path, root, links)
        except OSError as error:
            made.append((f"# here the suite made {path.name!r}: {error.strerror}", "", ""))
    lines: list[str] = []
    for (command, mode), alike in groupby(made, key=lambda one: one[:2]):
        names = [name for _, _, name in alike if name]
        if len(lines) == _MOST_LINES:
            return [*lines, further[0]]
        lines.append(_written(command, mode, names) if mode else " ".join([command, *names]))
    return lines


def _make(
    path: Path, root: Path, links: dict[tuple[int, int], Path]
) -> Iterator[tuple[str, str, str]]:
    """What makes this file or folder again; entries with one command can share a line."""
    name = _operand(path.relative_to(root))
    about = path.lstat()
    mode = f"{stat.S_IMODE(about.st_mode):o}"
    if (first := links.setdefault((about.st_dev, about.st_ino), path)) != path:
        yield f"ln {_operand(first.relative_to(root))} {name}", "", ""
        return
    if stat.S_ISLNK(about.st_mode):
        yield f"ln -s {shell_quoted(os.fsencode(os.readlink(path)))} {name}", "", ""
    elif stat.S_ISDIR(about.st_mode):
        yield f"mkdir -m {mode}", "", name
    elif stat.S_ISFIFO(about.st_mode):
        yield f"mkfifo -m {mode}", "", name
    elif stat.S_ISREG(about.st_mode) and about.st_size > _MOST_READ and not about.st_blocks:
        yield f"truncate -s {about.st_size} {name}; chmod {mode} {name}", "", ""
    elif stat.S_ISREG(about.st_mode) and about.st_size <= _MOST_READ:
        content = path.read_bytes()
        if original := _original(content):
            yield f"cp {shell_quoted(os.fsencode(original))} {name}", "", ""
        elif command := _with_new_stamp(content) or _printed(content):
            yield command, mode, name
        else:
            yield _left_out(name, about.st_size), "", ""
    else:
        yield _left_out(name, about.st_size), "", ""
    if about.st_uid != os.geteuid():
        yield f"chown -h {about.st_uid}:{about.st_gid}", "", name


def _with_new_stamp(content: bytes) -> str:
    """The command that prints a status of now as old as this one is; "" if it is not recent."""
    if len(content) >= SIZE and content.startswith(b"@\0\0\0"):
        age = int(time.time()) - int.from_bytes(content[:8], "big") + TAI64_UNIX_EPOCH
        return f"{{ stamp {age}; {_printed(content[8:])}; }}" if abs(age) < _RECENT else ""
    return ""


def _written(command: str, mode: str, names: list[str]) -> str:
    """The line that writes a command's output into each of the files."""
    if len(names) == 1:
        return f"{command} > {names[0]}; chmod {mode} {names[0]}"
    return f'for f in {" ".join(names)}; do {command} > "$f"; chmod {mode} "$f"; done'


def _left_out(name: str, size: int) -> str:
    return f"# here the suite made {name}: {size} bytes, which are left out"


def _operand(name: Path) -> str:
    """A file name as a shell word that no command mistakes for an option."""
    data = os.fsencode(name)
    return shell_quoted(b"./" + data if data.startswith(b"-") else data)


def write(name: Path, content: bytes, mode: int) -> list[str]:
    """The shell line that writes a file."""
    quoted = _operand(name)
    if original := _original(content):
        return [f"cp {shell_quoted(os.fsencode(original))} {quoted}"]
    if command := _printed(content):
        return [_written(command, f"{stat.S_IMODE(mode):o}", [quoted])]
    return [_left_out(quoted, len(content))]


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


_ORIGIN = re.compile("^# (/.*): the programs of (.*)$", re.MULTILINE)


def origins(found: Mapping[str, str]) -> list[str]:
    """The lines of a title that say how each folder of programs is found or made again."""
    return [f"{folder}: the programs of {name}" for folder, name in found.items()]


def read_origins(text: str) -> dict[str, str]:
    """What a script says of its folders of programs, as `origins` was given it."""
    return dict(_ORIGIN.findall(text))


def stand_ins(folder: Path, found: Mapping[str, Path | None]) -> list[str]:
    """The shell lines for the programs that are absent: a peer lends them, or nobody does."""
    made = shlex.quote(str(folder))
    lent = [shlex.quote(str(file)) for file in found.values() if file]
    others = " ".join(program for program, file in found.items() if not file)
    lines = [f"mkdir -p {made}"] if found else []
    lines += [f"ln -sf {' '.join(lent)} {made}"] if lent else []
    refusal = "printf '#!/bin/sh\\nexit 127\\n'"
    lines += (
        [f"for p in {others}; do {refusal} > {made}/$p; chmod +x {made}/$p; done"] if others else []
    )
    return ["; ".join(lines)] if lines else []


# What the lines use. Each is defined only in a script that needs it.
_FUNCTIONS = {
    "below": "below() { cat /proc/[0-9]*/status 2>/dev/null | awk -v me=$$ "
    "'/^Pid:/ { p = $2 } /^PPid:/ { up[p] = $2 } END { do { more = 0; for (p in up) "
    "if (!(p in m) && (up[p] == me || up[p] in m)) { m[p]; more = 1 } } while (more); "
    "for (p in m) print p }'; }",
    "show": "show() { for f in cmdline environ; do tr '\\0' '\\n' < /proc/$1/$f; done; "
    "grep -E '^(Uid|Gid|Groups|Umask|Sig|Cap|NoNew)' /proc/$1/status; readlink /proc/$1/cwd; "
    "sed 's/.*) //' /proc/$1/stat | awk -v p=$1 "
    '\'{ print "it leads " ($3 == p) " group, " ($4 == p) " session" }\'; '
    "cat /proc/$1/limits; ls -l /proc/$1/fd; }",
    "pid_of": "pid_of() { for p in $(inside; below); do "
    "[ \"$(tr '\\0' ' ' < /proc/$p/cmdline)\" = \"$* \" ] && echo $p; "
    "done 2>/dev/null | sort -n | tail -n 1; }",
    "processes": "processes() { for p in $( (inside; below) | grep -vx $$ | sort -nu); do "
    "{ sed -n -e 's/^Name:\\t//p' -e 's/^State:\\t//p' /proc/$p/status | tr '\\n' ' ' && "
    "tr '\\0' ' ' < /proc/$p/cmdline && echo; } 2>/dev/null; done; }",
    "shown": 'shown() { cat "../$1.out"; sed \'s/^/stderr: /\' "../$1.err"; } 2>/dev/null',
    "began": "began() { t=${EPOCHREALTIME/[.,]/}; }",
    # How long it took is shown in halves of a second, so that two replays are alike.
    "ended": 'ended() { set -- $? "$1" $(((${EPOCHREALTIME/[.,]/} - t + 250000) / 500000)); '
    'shown "$2"; [ "$3" = 0 ] || set -- "$1 after $(($3 / 2)).$(($3 % 2 * 5)) s"; '
    'echo "exit $1"; }',
    "stamp": 'stamp() { printf "$(printf %016x '
    f"$(({TAI64_UNIX_EPOCH} + $(date +%s) - $1)) | sed 's/../\\\\x&/g')\"; }}",
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
_END = (
    "end() { kill -KILL $(inside | grep -vx $$); }; { end; sleep 0.1; end; sleep 0.1; } 2>/dev/null"
)


def script(title: str, start: list[str], journal: Journal, box: Path | None = None) -> str:
    """The whole script; `start` holds the lines that make the first files.

    The script works in a new folder, or in a folder named `box` if a line has that name.
    """
    steps = [*start, *_Steps(journal.entries).lines()]
    called = {name for name in _FUNCTIONS if any(re.search(rf"\b{name}\b", s) for s in steps)}
    called |= {"below"} if called & {"pid_of", "processes"} else set()
    called |= {"shown"} if "ended" in called else set()
    needed = [text for name, text in _FUNCTIONS.items() if name in called]
    enter = 'here=; umask 022; cd "$(mktemp -d)" && mkdir box && cd box && here=$PWD'
    if box and any(str(box) in line for line in steps):
        place = shlex.quote(str(box))
        enter = f"here=; umask 022; rm -rf {place}; mkdir -p {place} && cd {place} && here=$PWD"
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
        self.entries = entries = _joined(_with_pipes(entries))
        self.last_write = {e.facts["name"]: n for n, e in enumerate(entries) if e.kind == "writes"}
        self.readers: dict[str, str] = {}  # FIFO -> shell variable of the process that reads it
        self.names: dict[int, str] = {}  # process id in the test -> shell variable
        self.running: set[str] = set()  # those of them that have not been waited for
        self.fed: set[int] = set()  # processes whose input comes through a FIFO
        self.calls = 0  # programs that were run to their end at once
        self.given: set[int] = set()  # processes that got all of it at their start
        self.began = next((n for n, e in enumerate(entries) if e.kind == "start"), len(entries))

    def lines(self) -> Iterator[str]:
        """The lines for every step; before the first start, only for what goes on since."""
        now = self.entries[self.began].at if self.began < len(self.entries) else 0.0
        why = ""
        looks: list[str] = []
        for number, entry in enumerate(self.entries):
            if number < self.began and entry.kind not in _SINCE:
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
        yield from (line for line in looks if not line.startswith("shown "))
        yield from (f"shown {name}" for name in sorted(self.running))

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
                name = self.names[facts["pid"]]
                self.running.discard(name)
                yield f"began; wait ${name}; ended {name}"
            case "waited":
                yield f"# here the suite waited in vain for: {' '.join(facts['what'].split())}"
                if self.names:
                    yield "processes"
            case "hung" if facts["pid"] in self.names:
                yield f"kill -0 ${self.names[facts['pid']]} && echo it has not ended"
            case "write":
                yield from write(facts["name"], facts["content"], facts["mode"])
            case "streams" if self.names.get(facts["pid"]) in self.running:
                yield f"shown {self.names[facts['pid']]}"
            case "control":
                folder = shell_quoted(os.fsencode(facts["service"]))
                letters = shell_quoted(facts["letters"])
                fifo = f"{folder}/supervise/control"
                yield f"[ -p {fifo} ] || sleep 2; printf %s {letters} > {fifo}"
            case "signal":
                name = signal.Signals(facts["signal"]).name.removeprefix("SIG")
                yield f"kill -{name} {self._process(facts)}"
            case "record":
                yield f"show {self._process({'argv': facts['seen'].argv, **facts})}"
            case "shell":
                yield facts["line"]
            case "runs":
                yield " ".join(map(self._word, facts["argv"]))
            case "input" | "end of input":
                yield from self._fed(entry)
            case _:
                yield from self._of_file(number, entry)

    def _is_written(self, number: int, entry: Entry) -> bool:
        """Does the suite write to the entry's FIFO later?"""
        return self.last_write.get(entry.facts["name"], 0) > number

    def _of_file(self, number: int, entry: Entry) -> Iterator[str]:
        name = _operand(Path(os.fsdecode(entry.facts.get("name", b"."))))
        match entry.kind:
            case "looks":
                yield f"look {name}"
            case "reads":
                self.readers[name] = f"r{len(self.readers) + 1}"
                is_written = self._is_written(number, entry)  # it would read that itself
                reader = "sleep 1000" if is_written else "cat"
                yield f"{reader} <> {name} & {self.readers[name]}=$!; sleep {_START_SECONDS}"
            case "lets go" if name in self.readers:
                yield f"kill ${self.readers.pop(name)}; sleep 0.1"
            case "opens" if not self._is_written(number, entry):
                yield f"# here the suite opened the FIFO {name} for writing"
            case "writes":
                yield f"{_printed(entry.facts['data'])} > {name}"
            case "tries":
                yield f"flock -n {name} echo {name} is not locked || echo {name} is locked"
            case "hold":
                holder = f"h{entry.facts['fd']}"
                yield f"( flock 9; exec sleep 1000 ) 9>> {name} & {holder}=$!; sleep 0.1"
            case "release":
                yield f"kill $h{entry.facts['fd']}; sleep 0.1"

    def _started(self, number: int, facts: dict[str, Any]) -> Iterator[str]:
        yield from (f"# here the suite {did}" for did in _not_repeated(facts))
        pid = facts["pid"]
        after = [e for e in self.entries[number + 1 :] if e.kind not in _BESIDE]
        at_once = bool(after) and after[0].kind == "ended" and after[0].facts["pid"] == pid
        if at_once:
            if facts.get("stdin") == "pipe" and "input" not in facts:
                self.given.add(pid)
                facts = {**facts, "input": b"".join(self._written_to(number))}
            self.calls += 1
            name = f"e{self.calls}"
            call = self._call(facts, name)
            if after[0].facts.get("tells_number"):  # its own process id, perhaps
                call += " & echo process $!; wait $!"
            yield f"began; {call}; ended {name}"
            return
        name = f"p{len(self.names) + 1}"
        is_fed = facts.get("stdin") == "pipe" and "input" not in facts
        if is_fed:
            yield f"mkfifo ../{name}"
            facts = {**facts, "stdin": f"../{name}"}
        yield f"{self._call(facts, name)} & {name}=$!"
        self.names[pid] = name
        self.running.add(name)
        pause = f"sleep {_START_SECONDS}"
        if is_fed:
            self.fed.add(pid)
            yield f"exec {self._input(pid)}> ../{name}; {pause}"
        else:
            yield pause

    def _call(self, facts: dict[str, Any], name: str) -> str:
        """The command that starts a program; its output goes to files with this name."""
        closed = "".join(f" {self._input(pid)}>&-" for pid in self.fed)
        return _start(facts, name) + closed

    def _input(self, pid: int) -> int:
        """The script's descriptor of the FIFO that is this process's input."""
        return 20 + int(self.names[pid][1:])

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
                data = shell_quoted(entry.facts["data"])
                yield f"# here the suite wrote {data} to the program's standard input"
        elif entry.kind == "input":
            yield f"{_printed(entry.facts['data'])} >&{self._input(pid)}"
        else:
            self.fed.discard(pid)
            yield f"exec {self._input(pid)}>&-"

    def _word(self, word: bytes) -> str:
        """A word of a command, in which process ids are those of the replay."""
        pids = [int(digits) for digits in word.split(b",") if digits.isdigit()]
        if not pids or not {*pids} & self.names.keys():
            return shell_quoted(word)
        return ",".join(f"${self.names[pid]}" if pid in self.names else str(pid) for pid in pids)

    def _process(self, facts: dict[str, Any]) -> str:
        if facts["pid"] in self.names:
            return f"${self.names[facts['pid']]}"
        words = " ".join(shell_quoted(word) for word in facts.get("argv", ()))
        return f"$(pid_of {words})"


def _with_pipes(entries: list[Entry]) -> list[Entry]:
    """The entries, with a pipe that the suite made and gave to a program as that one's input."""
    readers: dict[str, int] = {}  # pipe -> the number of the first start that reads it
    for number, entry in enumerate(entries):
        if entry.kind == "start" and str(entry.facts.get("stdin", "")).startswith("pipe:"):
            readers.setdefault(entry.facts["stdin"], number)
    found: list[tuple[float, Entry]] = []
    for number, entry in enumerate(entries):
        facts, pipe = entry.facts, entry.facts.get("pipe")
        if entry.kind == "start" and facts.get("stdin") in readers:
            found.append((number, replace(entry, facts={**facts, "stdin": "pipe"})))
        elif pipe in readers:
            place = readers[pipe]
            kind = {"writes": "input", "lets go": "end of input"}[entry.kind]
            at = max(entry.at, entries[place].at)
            given = Entry(at, kind, {"pid": entries[place].facts["pid"], **facts})
            found.append((max(number, place + 0.5), given))
        elif not pipe:
            found.append((number, entry))
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def _joined(entries: list[Entry]) -> list[Entry]:
    """The entries, with what was written at once into one FIFO in one entry."""
    found: list[Entry] = []
    for entry in entries:
        last = found[-1] if found else None
        is_more = last and last.kind == entry.kind == "writes" and _what(last) == _what(entry)
        if is_more and last and entry.at - last.at < SHORTEST_PAUSE:
            data = last.facts["data"] + entry.facts["data"]
            found[-1] = replace(last, facts={**last.facts, "data": data})
        else:
            found.append(entry)
    return found


# What goes on when the first program starts.
_SINCE = ("reads", "lets go", "writes", "hold", "release", "shell")
_BESIDE = ("streams", "input", "end of input", "record", "waited", "looks")


_LISTING = (b"ls", b"ps", b"pidof", b"pgrep")


def _is_look(entry: Entry) -> bool:
    is_listing = entry.kind == "runs" and entry.facts["argv"][0] in _LISTING
    return is_listing or entry.kind in ("looks", "record", "tries", "streams")


def _pause(seconds: float, why: str) -> Iterator[str]:
    if seconds > SHORTEST_PAUSE:
        yield f"sleep {seconds:.2f}" + (f"  # until: {' '.join(why.split())}" if why else "")


def _what(entry: Entry) -> object:
    return entry.facts.get("pid") or entry.facts.get("name") or entry.facts.get("argv")


def _start(facts: dict[str, Any], name: str) -> str:
    """The command that starts a program as the test did."""
    argv: list[bytes] = facts["argv"]
    file: bytes = facts["file"] or argv[0]
    before, env_options, after = _prepared([os.fsencode(o) for o in facts["prepare"]])
    environment = " ".join(map(shell_quoted, _block(facts)[0]))
    if file != argv[0] and os.path.basename(file) != argv[0]:
        # env cannot give a program another name, but a shell can.
        inner = shlex.quote('exec -a "$0" "$@"')
        command = f"bash -c {inner} {shell_quoted(argv[0])} {shell_quoted(file)}"
    else:
        command = shell_quoted(file)
    arguments = "".join(f" {shell_quoted(a)}" for a in argv[1:])
    enter, source = _enter(os.fsdecode(facts["cwd"])), _input(facts)
    setsid = "setsid " if facts.get("new_session") else ""
    files = {fd: to if "/" in to else "/dev/null" for fd, to in facts.get("passed", {}).items()}
    passed = "".join(f" {fd}<{shlex.quote(to)}" for fd, to in files.items())
    call = f"{enter}{before}exec {setsid}env -i{env_options} {environment} {command}{arguments}"
    return f"{source[0]}( {call}{after} ){source[1]}{_outputs(facts, name)}{passed}"


def _block(facts: dict[str, Any]) -> tuple[list[bytes], list[bytes]]:
    """The entries of a program's environment that `env` passes on, and those that it does not."""
    block = [name + b"=" + value for name, value in facts["env"].items()]
    block = prepare.read([*map(os.fsdecode, facts["prepare"])], block)[1]
    passed: dict[bytes, bytes] = {}  # name -> entry
    others = []
    for entry in block:
        name, equals, _ = entry.partition(b"=")
        if name and equals and name not in passed:
            passed[name] = entry
        else:
            others.append(entry)
    return [*passed.values()], others


def _not_repeated(facts: dict[str, Any]) -> Iterator[str]:
    """What the suite did at the start of a program and no shell can do."""
    for entry in _block(facts)[1]:
        yield f"added the entry {shell_quoted(entry)} to the environment"
    data = facts.get("input")
    if data is not None and not _printed(data):
        yield f"wrote {len(data)} bytes to the program's input, which are left out"


def _enter(folder: str) -> str:
    """How the command enters its folder. A descriptor of the suite is one of the script."""
    if fd := re.fullmatch(r"/proc/\d+/fd/(\d+)", folder):
        return f"cd /proc/$$/fd/{fd[1]} && "
    return f"cd {shell_quoted(os.fsencode(folder))} && " if folder else ""


def _outputs(facts: dict[str, Any], own: str) -> str:
    """Where standard output and standard error go: to files, unless the test has given others."""
    places = []
    for number, name, ending in (("1", "stdout", "out"), ("2", "stderr", "err")):
        target = facts.get(name, "")
        if target == "stdout":
            places.append(f" {number}>&1")
        elif not target or ".evidence/" in target:
            places.append(f" {number}> ../{own}.{ending}")
        elif target.startswith("/") and "/dev/pts" not in target:
            places.append(f" {number}>> {shlex.quote(target)}")
    return "".join(places)


def _input(facts: dict[str, Any]) -> tuple[str, str]:
    data = facts.get("input")
    if data is not None:
        return f"{_printed(data) or f'head -c {len(data)} /dev/zero'} | ", ""
    source = facts.get("stdin", "")
    is_file = source.startswith(("/", "../p")) and "/dev/pts" not in source
    return "", f" < {shlex.quote(source) if is_file else '/dev/null'}"


def _printed(data: bytes) -> str:
    """The command that prints this: "" if no line can hold it."""
    if len(data) <= _LARGEST:
        return f"printf %s {shell_quoted(data)}" if b"\0" not in data else _octal(data)
    if not data.strip(b"\0"):
        return f"head -c {len(data)} /dev/zero"
    unit = data[: data.find(b"\n") + 1] or data[:1]
    if unit * (len(data) // len(unit)) == data and b"\0" not in unit:
        text = shell_quoted(unit.rstrip(b"\n"))
        newline = "" if unit.endswith(b"\n") else " | tr -d '\\n'"
        return f"yes {text}{newline} | head -c {len(data)}"
    packed = base64.b64encode(gzip.compress(data, mtime=0)).decode()
    return f"printf %s {packed} | base64 -d | gunzip" if len(packed) <= _LARGEST_PACKED else ""


_LIMITS = {
    "AS": "v", "CORE": "c", "CPU": "t", "DATA": "d", "FSIZE": "f", "NOFILE": "n",
    "NPROC": "u", "STACK": "s", "MEMLOCK": "l", "RSS": "m",
}  # fmt: skip
_IN_KILOBYTES = {"AS", "DATA", "STACK", "MEMLOCK", "RSS"}


def _prepared(options: list[bytes]) -> tuple[str, str, str]:
    """prepare.py's options in shell: what comes before exec, options of env, redirections.

    The environment is `_block`'s.
    """
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
            case "--groups":
                env += f" setpriv --groups {value} env"
            case "--limit":
                limited, lowered = _limit(value)
                before += limited
                env += lowered
            case "--hard-limit":
                name, _, amount = value.partition("=")
                env += f" prlimit --{name.lower()}={amount} env"
    return before, env, after


def _limit(value: str) -> tuple[str, str]:
    """ulimit for the limit, or words for env, since ulimit knows only whole blocks."""
    name, _, amount = value.partition("=")
    number, unit = int(amount), 1024 if name in _IN_KILOBYTES else 1
    unit = 512 if name == "FSIZE" else unit
    if number % unit or name not in _LIMITS:
        return "", f" prlimit --{name.lower()}={number}: env"
    return f"ulimit -S -{_LIMITS[name]} {number // unit if number >= 0 else 'unlimited'}; ", ""
