"""`daemontools check`: what is wrong with a service, found without starting it.

Chapter 11 of the book as a program: each finding has the sentence that explains it. A
finding is a question, not a verdict: a run script may do the same in a way that this
module does not know.
"""

import argparse
import errno
import itertools
import json
import os
import pwd
import re
import resource
import shlex
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemontools import services
from daemontools.companion.status import add_trees, expand
from daemontools.companion.words import printable
from daemontools.core.limits import UNLIMITED, soft_limit
from daemontools.core.scan import LIMIT

DESCRIPTION = """Look for what commonly goes wrong in services and their loggers. Exit code 0:
nothing was found; 1: something was; 100: wrong usage; 111: a tree cannot be read."""

# What one logged service takes: in svscan a pipe, and room for one more.
DESCRIPTORS = 2
SPARE_DESCRIPTORS = 16

LONGEST_SCRIPT = 65536  # bytes that are looked at

WHY = {
    "no-run": "supervise cannot start anything without ./run, and tries again every second",
    "not-executable": "supervise cannot start it; chmod +x",
    "no-interpreter": "the first line must be #! and a program that can run, or no start succeeds",
    "crlf": "lines end in CR LF: the CR belongs to the line's last word or the interpreter's name",
    "no-exec": "without exec the shell is the service, and the server survives svc -d as an orphan",
    "loop": "the shell is the service; what the loop runs survives svc -d as an orphan",
    "background": "supervise sees its child end and starts another; run it in the foreground",
    "no-stderr": "error messages do not reach the log; put exec 2>&1 first",
    "no-log": "what it writes goes where svscan's own output goes; make log/run",
    "log-directory": "multilog cannot reach it, or write there, as that user, and ends",
    "unbounded": "a log that is appended to by hand grows until the disk is full; use multilog",
    "log-name": "multilog ignores a directory whose name begins with neither . nor /; write ./",
    "log-nowhere": "multilog reads the lines and keeps none; name a directory, such as ./main",
    "log-size": "s, n and ! count for the directories that follow, and none does; put them before",
    "log-pattern": "a pattern counts for the actions that follow, and none does; put it before",
    "log-select": "all lines are selected at first, and this + adds none; put a - before it",
    "log-unit": "the number must be digits in the same word; s10M and s 99999 are 4096 bytes",
    "log-label": "multilog writes labels only if its first word is t; put it first, without a -",
    "log-twice": "multilog cannot lock a directory twice, and ends; name it once",
    "log-input": "multilog reads this file and not the service's lines; take the redirection away",
    "envdir": "envdir ends at once: its directory must exist, and have only files in it",
    "overruled": "envdir changes this variable after envuidgid; write envuidgid after envdir",
    "chain": "it changes only the program that its own line starts; write all in one line",
    "account": "no such account: setuidgid and envuidgid end at once, and supervise tries again",
    "runit": "daemontools neither runs ./finish nor has svlogd or chpst; say it in its own words",
    "supervise": "it is not what supervise makes there; once no supervise runs, remove it",
    "down": "supervise will not start it at the next boot; remove the file if that is not wanted",
    "dot": "svscan ignores names that begin with a dot",
    "same-directory": "svscan knows a directory by its inode, and starts it once",
    "shared-log": "one logger has the lock, and the lines of the other services wait",
    "shared-supervise": "only one of them runs, and svstat takes it for both; give each its own",
    "dangling": "it is a file, or a link that leads nowhere: svscan does not start it",
    "memory-limit": "under this limit multilog, or even /bin/true, does not start; raise it",
    "descriptors": "svscan needs two descriptors for each logged service; raise ulimit -n",
    "too-many": "svscan starts at most 1000 services",
    "unreadable": "this user cannot read it, so it was not checked; try as root",
}


# One word of the shell, and a redirection with its word.
_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|[^\s'";&|])+"""
_REDIRECTION = rf"\d*[<>]+[&|]?\s*(?:[<>]\([^)]*\)|(?![<>]){_WORD})"
# An exec that runs a program; `exec 2>&1` only redirects, and in a pipeline the shell stays.
_PIPELINE = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|[<>]&|[^'";&|])*(?<!>)\|(?!\|)"""
_BEFORE = rf"(?:^|[;&{{()]\s*|\|\|\s*|\b(?:then|else|do)\s+)(?:\w+=(?:{_WORD})?\s+)*"
_EXEC = re.compile(
    rf"{_BEFORE}exec\s+(?!{_PIPELINE})(?:{_REDIRECTION}\s+)*(?!\s|\d*[<>]|[#;&|)}}]|$)"
)
# A loop that is the last command, with what its `done` redirects or pipes.
_LOOP = re.compile(rf"(?:^|[;&]\s*)done(?:\s+{_REDIRECTION})*\s*(?:\|(?!\|).*)?$")
# `trap ACTION ... TERM`, where ACTION is one word of the shell.
_TRAP = re.compile(rf"\btrap +(?:-- +)?({_WORD})(?: +\w+)*? +(?:SIG)?(?:TERM|15)\b")
_KILL = re.compile(r"\bkill\s+(?!-0)")  # `kill -0` only asks
# An option that sends a server into the background; `--daemonize no` does not.
_DAEMON = re.compile(r"\s--daemon(ize)?(?![\w-])(?![\s=]+(no|off|false|0)\b)")
# An `&` that sends a command into the background: not `&&`, `2>&1` or `&>`.
_AMPERSAND = r"(?<![&<>])&(?![&>])"

# What may make the next line a part of a block, a list or a here-document.
_OPENS = re.compile(r"(?<!\$)[({]|<<|[&|]\s*$|\b(?:if|case|for|while|until|select|function)\b")

# envdir's directory, if the shell does nothing to the word.
_ENVDIR = re.compile(r"\benvdir +([\w./-]+)(?= )")

# The same, behind an envuidgid.
_OVERRULES = re.compile(rf"\benvuidgid +[\w.-]+ [^;&|\n]*?{_ENVDIR.pattern}")

# A command that is a program of a chain with its own words, and has no program to start.
_CHAIN = re.compile(
    r"(?:exec +)?(?:[\w./-]*/)?"
    r"(?:(?:setuidgid|envuidgid|envdir|setlock(?: +-[nNxX]+)*) +[\w./-]+|"
    r"softlimit(?: +-[a-z] *\d+)*|pgrphack|fghack)(?= *(?:$|[;&|]| #))"
)

# softlimit's options, and the rest of the line.
_SOFTLIMIT = re.compile(r"\bsoftlimit((?:\s+-[acdflmoprst]\s*[^\s;&|]+)+)(?=(.*))")

# The shell's limit in place of softlimit's; of those of -m the address space is what counts.
ULIMIT = {"a": "-v", "d": "-d", "m": "-v", "s": "-s"}

# The folder in which a script begins.
_HERE = re.compile(r"^\$(?:PWD|\{PWD\})(?=/)")


class Finding(NamedTuple):
    """Something that is probably wrong."""

    path: Path
    kind: str  # a key of WHY
    detail: str = ""  # the words that show it

    def __str__(self) -> str:
        detail = f" ({printable(self.detail)})" if self.detail else ""
        return f"{printable(self.path)}: {self.kind}{detail}: {WHY[self.kind]}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Describe the command line."""
    add_trees(parser)
    parser.add_argument("--json", action="store_true", help="print a JSON list")


def main(options: argparse.Namespace) -> int:
    """Print all findings; 1 if there is any. Raises OSError if a tree cannot be read."""
    found: list[Finding] = []
    every: list[Path] = []
    for name in options.directory:
        if not os.path.lexists(name):
            raise FileNotFoundError(2, "file does not exist", name)
        paths = expand(name)
        if paths != [Path(name)]:
            found += of_tree(Path(name), paths)
        for path in paths:
            found += of_service(path)
        every += paths
    found += of_several(every)
    if options.json:
        keys = [{**f._asdict(), "path": os.fspath(f.path), "why": WHY[f.kind]} for f in found]
        print(json.dumps(keys, indent=2))
    else:
        for finding in found:
            print(finding)
    return 1 if found else 0


def of_tree(tree: Path, paths: list[Path]) -> Iterator[Finding]:
    """What is wrong with a tree as a whole."""
    for name in sorted(os.listdir(tree)):
        if name.startswith(".") and services.is_service(tree / name):
            yield Finding(tree / name, "dot")
        if not name.startswith(".") and not (tree / name in paths or os.path.exists(tree / name)):
            yield Finding(tree / name, "dangling")
    known: dict[tuple[int, int], Path] = {}
    for path in filter(os.path.isdir, paths):
        about = path.stat()
        other = known.setdefault((about.st_dev, about.st_ino), path)
        if other != path:
            yield Finding(path, "same-directory", os.fspath(other))
    if len(paths) > LIMIT:
        yield Finding(tree, "too-many", str(len(paths)))
    needed = SPARE_DESCRIPTORS + DESCRIPTORS * sum(1 for p in paths if services.logger(p))
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and needed > limit:
        yield Finding(tree, "descriptors", f"limit {limit}, needed {needed}")


def of_several(paths: list[Path]) -> Iterator[Finding]:
    """What several services have in common, and should not have."""
    known: dict[str, Path] = {}
    for path in filter(os.path.isdir, paths):
        known.setdefault(os.path.realpath(path), path)
    logs = [path / "log" for path in known.values() if services.logger(path)]
    owners: dict[str, Path] = {}
    for log in logs:
        own = [log, *(log / word for word in _directories(_multilog(_words(log / "run"))))]
        for other in _earlier_owners(log, own, owners):
            yield Finding(log, "shared-log", os.fspath(other))
    owners = {}
    for place in {os.path.realpath(place): place for place in [*known.values(), *logs]}.values():
        for other in _earlier_owners(place, [place / "supervise"], owners):
            yield Finding(place, "shared-supervise", os.fspath(other))


def _earlier_owners(owner: Path, places: list[Path], owners: dict[str, Path]) -> list[Path]:
    """Enter the owner of some places, links resolved; who has been entered for them before."""
    real = {os.path.realpath(place) for place in places}
    return sorted({owners.setdefault(place, owner) for place in real} - {owner})


def of_service(service: Path) -> Iterator[Finding]:
    """What is wrong with one service and its logger."""
    if not services.may_be_directory(service):
        yield Finding(service, "dangling")
        return
    if not os.access(service, os.X_OK):
        yield Finding(service, "unreadable")
        return
    log = services.logger(service)
    yield from of_script(service / "run", has_log=log is not None)
    for leftover in (service / "finish", service / "log/finish"):
        if os.path.exists(leftover):
            yield Finding(leftover, "runit")
    yield from _of_supervise(service / "supervise")
    if os.path.exists(service / "down"):
        yield Finding(service / "down", "down")
    if log is not None:
        yield from _of_supervise(log / "supervise")
        yield from of_script(log / "run", has_log=False)
        yield from _of_multilog(log)
    elif _is_logger(service):
        yield from _of_multilog(service)
    else:
        yield Finding(service, "no-log")


def _is_logger(directory: Path) -> bool:
    path = Path(os.path.abspath(directory))  # of `log`, too
    return path.name == "log" and services.is_service(path.parent)


def _of_supervise(folder: Path) -> Iterator[Finding]:
    """What supervise finds in its folder, and cannot use."""
    kinds = {"": stat.S_ISDIR, "control": stat.S_ISFIFO, "ok": stat.S_ISFIFO}
    for name in ("lock", "status", "status.new"):
        kinds[name] = stat.S_ISREG
    for name, is_right in kinds.items():
        try:
            mode = (folder / name).stat().st_mode
        except OSError:  # supervise makes a status, but neither of these, through a link
            if name in ("", "control", "ok") and _leads_nowhere(folder / name):
                yield Finding(folder / name, "supervise")
            continue
        if not is_right(mode):
            yield Finding(folder / name, "supervise")


def _leads_nowhere(link: Path) -> bool:
    """Is it a link to nothing, as far as this process is allowed to see?"""
    try:
        link.stat()
    except PermissionError:
        return False
    except OSError:
        return os.path.islink(link)
    return False


def of_script(run: Path, *, has_log: bool) -> Iterator[Finding]:
    """What is wrong with a run script."""
    try:
        mode = run.stat().st_mode
        if not stat.S_ISREG(mode):
            yield Finding(run, "not-executable", "not a file")
            return
        if not mode & 0o111:
            yield Finding(run, "not-executable")
        text = _beginning(run)
    except FileNotFoundError:
        yield Finding(run, "no-run")
        return
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENAMETOOLONG, errno.ENOTDIR):
            yield Finding(run, "no-run", str(error.strerror).lower())
        else:
            yield Finding(run, "unreadable")
        return
    first = text.split(b"\n", 1)[0]
    if b"\r\n" in text:
        yield Finding(run, "crlf")
    elif not re.match(rb"#![ \t]*\S|\x7fELF", first):
        yield Finding(run, "no-interpreter", "no #!")
    elif first.startswith(b"#!") and not _can_run(run.parent / _interpreter(first)):
        yield Finding(run, "no-interpreter", os.fspath(_interpreter(first)))
    if re.match(rb"#!.*\b(ba|da|k|z|a)?sh\b", first):
        yield from _of_shell(run, os.fsdecode(text.replace(b"\r\n", b"\n")), has_log=has_log)


def _beginning(script: Path) -> bytes:
    """As much of a script as a person would write. Raises OSError.

    Only of a regular file: a FIFO would wait, and a device may have no end.
    """
    if not stat.S_ISREG(script.stat().st_mode):
        raise OSError(errno.EINVAL, "not a regular file")
    with open(script, "rb") as file:
        return file.read(LONGEST_SCRIPT)


def _interpreter(first: bytes) -> Path:
    return Path(os.fsdecode(first[2:].split()[0]))


def _can_run(program: Path) -> bool:
    """Is it a file that somebody may execute?"""
    try:
        mode = program.stat().st_mode
    except (OSError, ValueError):  # ValueError: a NUL in the name
        return False
    return stat.S_ISREG(mode) and mode & 0o111 != 0


def _of_shell(run: Path, text: str, *, has_log: bool) -> Iterator[Finding]:
    """What is wrong with the commands of a shell script."""
    commands = _commands(text)
    joined = "\n".join(commands)
    last = commands[-1] if commands else ""
    executes = any(_EXEC.search(command) for command in commands)
    if not executes and not _hands_term_on(joined):
        yield Finding(run, "loop" if _LOOP.search(last) else "no-exec", last)
    if _goes_into_background(commands):
        yield Finding(run, "background", last)
    if has_log and not re.search(r"2>\s*&1|&>|2>>?\s*\S", "\n".join(_up_to_exec(commands))):
        yield Finding(run, "no-stderr")
    if appends := [c for c in commands if re.search(r">>\s*(?!/dev/)[^&\s]", c)]:
        yield Finding(run, "unbounded", appends[0])
    for word in re.findall(r"\b(svlogd|chpst)\b", joined):
        yield Finding(run, "runit", word)
    for chain in filter(None, map(_CHAIN.match, commands if "<<" not in text else [])):
        yield Finding(run, "chain", chain[0])
    for account in re.findall(r"\b(?:set|env)uidgid\s+([\w.-]+)", joined):
        if not _is_account(account):
            yield Finding(run, "account", account)
    if not re.search(r"\b(cd|mkdir)\b", text):  # else the directory is another, or made first
        for word in _ENVDIR.findall(joined):
            yield from _of_envdir(run, word)
        for word in _OVERRULES.findall(joined):
            for name in ("UID", "GID"):
                if os.path.isfile(run.parent / word / name):
                    yield Finding(run, "overruled", f"{word}/{name}")
    for options, rest in _SOFTLIMIT.findall(joined):
        program = shutil.which("multilog") if re.search(r"\bmultilog\b", rest) else None
        for letter, amount in re.findall(r"-([adms])\s*([0-9]+)", options):
            limit = soft_limit(amount.encode(), UNLIMITED)
            if not _starts_under(ULIMIT[letter], limit, program or "/bin/true"):
                yield Finding(run, "memory-limit", f"-{letter} {amount}")


def _of_envdir(run: Path, word: str) -> Iterator[Finding]:
    """What ends an envdir with this directory."""
    directory = run.parent / word
    try:
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
    except PermissionError:
        return
    except OSError:
        yield Finding(run, "envdir", word)
        return
    for name in names:
        path = directory / name
        if os.path.isdir(path) or (os.path.exists(path) and path.is_socket()):
            yield Finding(run, "envdir", f"{word}/{name}")


def _goes_into_background(commands: list[str]) -> bool:
    """Does the script send its server into the background, and wait for nothing?"""
    if commands and re.search(rf"{_AMPERSAND}\s*$", commands[-1]):
        return True
    if any(_DAEMON.search(command) and "fghack" not in command for command in commands):
        return True
    waits = any(re.search(r"\bwait\b", command) for command in commands)
    return not waits and any(re.search(rf"\bnohup\b.*{_AMPERSAND}", c) for c in commands)


def _hands_term_on(text: str) -> bool:
    """Does a shell script wait for its server, and send it a signal when it gets TERM?"""
    if not re.search(r"\bwait\b", text):  # a shell obeys no trap before its command has ended
        return False
    for action in _TRAP.findall(text):
        function = re.search(rf"\b{re.escape(action)}\s*\(\)", text)
        if _KILL.search(text[function.end() :] if function else action):
            return True
    return False


def _up_to_exec(commands: list[str]) -> list[str]:
    """The commands up to the one that surely executes the server; all if none surely does."""
    for number, command in enumerate(commands, 1):
        if _OPENS.search(command) or any(command.count(quote) % 2 for quote in "'\"`"):
            break
        if command.startswith("exec") and _EXEC.match(command) and "&" not in command:
            return commands[:number]
    return commands


def _is_account(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _commands(text: str) -> list[str]:
    """The lines of a script without comments and empty lines, continued lines joined."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [line.strip() for line in joined.split("\n") if line.strip() and line.strip()[0] != "#"]


def _starts_under(option: str, limit: int, program: str) -> bool:
    """Does a program that needs no words start under a limit of so many bytes?"""
    command = ["/bin/sh", "-c", f'ulimit {option} {limit // 1024}; exec "$0" </dev/null', program]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _of_multilog(log: Path) -> Iterator[Finding]:
    """What is wrong with the words of a multilog, and with its log directories."""
    words = _words(log / "run")
    names = [os.path.basename(word) for word in words]
    user = words[names.index("setuidgid") + 1] if "setuidgid" in names[:-1] else ""
    arguments = _multilog(words)
    pairs = map(" ".join, itertools.pairwise(arguments))
    apart = [pair for pair in pairs if re.fullmatch(r"[sn] \d\w*", pair)]
    numbers = [pair[2:] for pair in apart]  # multilog ignores a number in a word of its own
    for word in arguments:
        if (
            re.fullmatch(r"(~/|\w)[~\w/.-]*", word)
            and (word[0] not in "tesn" or os.path.isdir(log / word))
            and word not in numbers
        ):
            yield Finding(log / "run", "log-name", word)
    if (arguments or _starts(_command(words)[0])) and all(
        word in numbers or re.fullmatch(r"t|[sn](\d+\w*)?|[-+!][^$`]*", word) for word in arguments
    ):
        yield Finding(log / "run", "log-nowhere")
    if detail := _too_late(arguments, r"[sn]\d+$|!", actions="./"):
        yield Finding(log / "run", "log-size", detail)
    if detail := _too_late(arguments, "[-+]", actions="./=e"):
        yield Finding(log / "run", "log-pattern", detail)
    first = next((word for word in arguments if re.match(r"[-+]|.*[$`]", word)), "")
    if re.fullmatch(r"\+(?!\*$)[^$`]*", first):
        yield Finding(log / "run", "log-select", first)
    for word in [*(w for w in arguments if re.fullmatch(r"[sn]\d+[A-Za-z]+", w)), *apart]:
        yield Finding(log / "run", "log-unit", word)
    if detail := _input(words):
        yield Finding(log / "run", "log-input", detail)
    if arguments[:1] in (["-t"], ["-tt"]) or (
        "t" in arguments and not re.match("t|.*[$`]", arguments[0])
    ):
        yield Finding(log / "run", "log-label")
    yield from _of_places(log, arguments, user)


def _of_places(log: Path, arguments: list[str], user: str) -> Iterator[Finding]:
    """Log directories and files of `=` that multilog cannot use as that user."""
    places: set[str] = set()
    for word in _directories(arguments):
        place = os.path.realpath(log / word)
        if place in places:
            yield Finding(log / "run", "log-twice", word)
        places.add(place)
    for word in [*_directories(arguments), *(w for w in arguments if re.match("=[^$`]+$", w))]:
        if not _may_write(log, word, user):
            detail = f"{user or 'this user'}, {word}"
            yield Finding(log / "run", "log-directory", detail)


def _directories(arguments: list[str]) -> list[str]:
    """The log directories among the arguments of multilog."""
    return [word for word in arguments if word[:1] in (".", "/")]


def _too_late(arguments: list[str], setting: str, actions: str) -> str:
    """The first such setting behind the last of the actions that it could count for.

    `actions` has their first letters. If there is none, or the shell makes a later word,
    which may be one, nothing is too late.
    """
    places = (place for place, word in enumerate(arguments) if word[:1] in tuple(actions))
    rest = arguments[max(places, default=len(arguments)) + 1 :]
    if any("$" in word or "`" in word for word in rest):
        return ""
    return next((word for word in rest if re.match(setting, word)), "")


def _input(words: list[str]) -> str:
    """The file that is multilog's standard input, as a redirection of its command says."""
    command, _ = _command(words)
    for before, word, file in zip(["", *command], command, command[1:], strict=False):
        is_input = word == "<" and not re.fullmatch("[1-9]", before)
        if is_input and file not in ("/dev/stdin", "/dev/fd/0") and file[:1] != "(":
            return file
    return ""


def _command(words: list[str]) -> tuple[list[str], int]:
    """The words of the command in a script that runs multilog, and the place of this word."""
    command: list[str] = []
    for word in [*words, "\n"]:
        if word[:1] not in ("|", "&", ";", "\n"):
            command.append(word)
            continue
        names = [os.path.basename(word) for word in command]
        if "multilog" in names[:-1] or ("multilog" in names and _starts(command)):
            return command, names.index("multilog")
        command = []
    return [], 0


def _starts(command: list[str]) -> bool:
    """Does it begin as a command that runs a multilog, and does not only name it?"""
    starters = ("exec", "multilog", "setuidgid", "softlimit")
    return bool(command) and os.path.basename(command[0]) in starters


def _multilog(words: list[str]) -> list[str]:
    """The arguments of multilog among the words of a script: no redirection, no other command."""
    command, place = _command(words)
    rest = iter(command[place + 1 :])
    arguments: list[str] = []
    for word in rest:
        if word[:1] in ("<", ">"):  # a number before it belongs to it, and the word after it
            if arguments and arguments[-1].isdigit():
                arguments.pop()
            next(rest, None)
        else:
            arguments.append(_HERE.sub(".", word))
    return arguments


def _words(script: Path) -> list[str]:
    """The words and the operators of a script; none if it cannot be read as a shell would."""
    try:
        text = _beginning(script).decode(errors="replace")
        text = text.replace("\0", "").replace("\\\n", " ")  # dash drops a NUL, too
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>\n")
        lexer.whitespace = " \t\r"
        lexer.whitespace_split = True
        return list(lexer)
    except (OSError, ValueError):
        return []


def _may_write(log: Path, word: str, user: str) -> bool:
    """May the user's multilog open its own directory, and make files there, or make it itself?

    Of `=file`: may it write this file, or make it?
    """
    place, bits = log / word, 0o7
    if word[:1] == "=":
        word = word[1:]
        place, bits = Path(os.path.realpath(log / word)), 0o2
    elif _leads_nowhere(place):
        return False
    if not os.path.exists(place):
        place, bits = place.parent, 0o3
    needed = [(log, 0o5), (place, bits)]
    try:
        if not user:
            return all(os.access(folder, bits) for folder, bits in needed)
        account = pwd.getpwnam(user)
        needed += [(folder, 0o1) for folder in _above(log, word, place)]
        return all(_has(account, folder, bits) for folder, bits in needed)
    except (KeyError, OSError):
        return False


def _above(log: Path, word: str, place: Path) -> list[Path]:
    """The folders above a log directory through which multilog reaches it."""
    real = Path(os.path.realpath(place))
    start = "/" if os.path.isabs(word) else os.path.commonpath([os.path.realpath(log), real])
    return [folder for folder in real.parents if folder.is_relative_to(start)]


def _has(account: pwd.struct_passwd, folder: Path, bits: int) -> bool:
    """Has the account these permissions? setuidgid leaves it its main group only."""
    about = folder.stat()
    if about.st_uid == account.pw_uid:
        bits <<= 6
    elif about.st_gid == account.pw_gid:
        bits <<= 3
    return account.pw_uid == 0 or about.st_mode & bits == bits
