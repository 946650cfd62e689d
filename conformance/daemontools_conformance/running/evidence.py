"""Evidence of one test: what ran, what came back, the files before and after.

REPORT/evidence/svok.exit.running/test_running_supervise_gives_0/
    replay.sh        the same steps as a shell script that needs no suite
    journal.jsonl    each step and observation, with its time
    00.supervise.out, 00.supervise.err ...    the streams of each program
    files.before, files.after                 the tree, with the contents of small files
    failure.txt      the bug report, if the test failed
"""

import hashlib
import itertools
import json
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from daemontools_conformance.running.journal import Journal
from daemontools_conformance.running.record import Record

_SHOWN_BYTES = 2000  # of a file's content
_SHOWN_FILES = 500
_MOST_FILES = 10_000  # of a folder that are looked at
_KEPT_BYTES = 1 << 20  # of a program's output
_KEPT_IN_ALL = 16 << 20  # of the output in all tests of this process; then only beginnings are kept
_BEGINNING = 16 << 10
_kept = 0


def place(report: Path, clause: str, test: str) -> Path:
    """The folder for the evidence of a test (`test` is its node id)."""
    name = test.rpartition("::")[2]
    safe = "".join(c if c.isalnum() or c in "_-.[]=" else "_" for c in name)[:120]
    if safe != name:  # the removed characters may have told two tests apart
        safe = f"{safe}.{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return report / "evidence" / clause.replace("/", ".") / safe


def listing(root: Path) -> str:
    """The tree under `root` as text: mode, size, name, and the contents of small files."""
    lines = []
    for number, path in enumerate(walk(root)):
        if number == _SHOWN_FILES:
            lines.append(f"... and more than {_SHOWN_FILES} others")
            break
        lines += _lines_of(path, root)
    return "".join(f"{line}\n" for line in lines)


def walk(root: Path) -> Iterator[Path]:
    """Everything below the folder, however deep: the entries of a folder, then those below."""
    left = [root]
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder) as entries:
                some = sorted(itertools.islice(entries, _MOST_FILES), key=lambda entry: entry.name)
        except OSError:
            continue  # it has gone, its name is too long, or it is closed to us
        found = [(folder / entry.name, entry.is_dir(follow_symlinks=False)) for entry in some]
        yield from (path for path, _ in found)
        left += [path for path, is_folder in reversed(found) if is_folder]


def _lines_of(path: Path, root: Path) -> list[str]:
    try:
        about = path.lstat()
        name = printable(os.fsencode(path.relative_to(root)))
        line = f"{stat.filemode(about.st_mode)} {about.st_size:>8} {name}"
        if stat.S_ISLNK(about.st_mode):
            return [f"{line} -> {printable(os.fsencode(os.readlink(path)))}"]
        if not stat.S_ISREG(about.st_mode) or not about.st_size:
            return [line]
        with open(path, "rb") as file:
            content = file.read(_SHOWN_BYTES)
    except OSError as error:
        return [f"? {path.name}: {error.strerror}"]
    shown = printable(content) + (" ..." if about.st_size > _SHOWN_BYTES else "")
    return [line, f"    {shown}"]


def printable(data: bytes) -> str:
    """Bytes as text that shows every byte: ASCII as it is, the rest as escapes."""
    return repr(data)[2:-1]


@dataclass(frozen=True)
class Left:
    """What a test left: the folder of its programs' output, its journal, its listings by name."""

    streams: Path
    journal: Journal
    files: Mapping[str, str]


def keep(folder: Path, left: Left, replay: str, failure: str) -> None:
    """Write the evidence of one test; `failure` is the bug report, if there is one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for stream in sorted(walk(left.streams)):
        _copy(stream, folder / stream.name)
    (folder / "journal.jsonl").write_text("".join(f"{line}\n" for line in _told(left.journal)))
    for name, text in left.files.items():
        (folder / f"files.{name}").write_text(text)
    script = folder / "replay.sh"
    script.write_text(replay)
    script.chmod(0o755)
    if failure:
        (folder / "failure.txt").write_text(failure + "\n")


def _copy(stream: Path, copy: Path) -> None:
    """Copy the output of a program, or its beginning, unless it has put something else there."""
    global _kept
    if stream.parent.is_symlink() or stream.is_symlink() or not stream.is_file():
        return
    with open(stream, "rb") as source, open(copy, "xb") as target:
        copied = target.write(source.read(_KEPT_BYTES if _kept < _KEPT_IN_ALL else _BEGINNING))
        _kept += copied
        if (size := os.fstat(source.fileno()).st_size) > copied:
            target.write(b"\n... %d bytes in all\n" % size)


def _told(journal: Journal) -> Iterator[str]:
    """The entries as JSON, without an observation that repeats the one before."""
    last = None
    for entry in journal.entries:
        if entry.kind != "record" or entry.facts != last:
            yield json.dumps({"at": round(entry.at, 4), "kind": entry.kind, **_plain(entry.facts)})
        last = entry.facts if entry.kind == "record" else None


def _plain(value: Any) -> Any:
    """The value with bytes as printable text, for JSON."""
    match value:
        case bytes():
            return printable(value)
        case dict():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case set() | frozenset():
            return sorted(_plain(item) for item in value)
        case int() | float() | str() | None:
            return value
        case Record():
            return _plain(asdict(value))
        case _:
            return str(value)
