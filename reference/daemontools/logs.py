"""Read the logs that multilog keeps: all the lines of a directory, in order.

    python -I -m daemontools.logs /service/clock/log/main
    python -I -m daemontools.logs --follow --local /service/clock/log/main

    >>> from daemontools import logs
    >>> for line in logs.lines("/service/clock/log/main"):      # doctest: +SKIP
    ...     print(line.time, line.text)

multilog writes into `current`. When that is full it renames it to `previous`,
starts a new `current`, and gives `previous` its final name, `@` a time label
and `.s`. A file that it found unfinished when it started again ends in `.u`.
With a processor the final file is a new one, made from `previous`.

All this may happen during the reading, and no line is given twice. A line that did
not fit into one file continues in the next, and is given whole; only after `.u` is
a rest without a newline a line of its own. If multilog removes its oldest files
before they are read, their lines are lost, and with a processor perhaps the file
after them, which looks like a replacement.

A final file that gzip has made (`!gzip`) is decompressed. A name that is not a
regular file, or cannot be read, is skipped with a complaint. So is a link: the account of
the log could make root show a file that only root may read.
How the reader keeps up with a rotation: docs/explain/reading-logs.md.
"""

import argparse
import errno
import gzip
import os
import re
import stat
import sys
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from daemontools.core.tai64 import TAI64N_TEXT, parse_tai64n
from daemontools.unix.messages import die, error_text, warn
from daemontools.unix.opening import close
from daemontools.unix.streams import BLOCK_BYTES, write_all

NAME = "daemontools.logs: "

_FINAL_NAME = re.compile(r"@[0-9a-f]{24}\.[su]")
LOOK_SECONDS = 0.25  # between two looks for more, when the log is followed
# How long a processor's output may be without a name, and the time between two looks.
_NAMED_WITHIN_SECONDS, _NAME_LOOK_SECONDS = 1.0, 0.01
_NO_FILE = "not a regular file"
_GZIP = b"\x1f\x8b\x08"

_HOW = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW

# Errors that concern one file only: the others can still be read.
_OF_ONE_FILE = {errno.EACCES, errno.EIO, errno.ELOOP, errno.ENODEV, errno.ENXIO, errno.EPERM}


class Line(NamedTuple):
    """One line of a log; `raw` is all of it but its newline."""

    raw: bytes

    @property
    def time(self) -> tuple[int, int] | None:
        """Unix seconds and nanoseconds of its label; None if it has none."""
        try:
            return parse_tai64n(self.raw[:TAI64N_TEXT])
        except ValueError:
            return None

    @property
    def text(self) -> bytes:
        """The line without its label and the blank after that."""
        if self.time is None:
            return self.raw
        return self.raw[TAI64N_TEXT:].removeprefix(b" ")


def lines(
    directory: str | os.PathLike[str],
    *,
    follow: bool = False,
    new: bool = False,
    pause: float = LOOK_SECONDS,
    complain: Callable[[str], None] = warnings.warn,
) -> Iterator[Line]:
    """The lines of a log directory, oldest first.

    `follow`: after the last line, wait for more, for ever, and look
    every `pause` seconds; the directory need not exist yet. `new`: leave out what
    is there already. Without `follow`, a last line that has no newline yet is given
    as it is. A line is given whole, so it takes as much memory as it is long.
    `complain` is called with the path and the reason, once for each skipped
    file. Raises OSError if the directory cannot be read.
    """
    begun: list[bytes] = []  # the pieces of a line whose newline has not come
    for text in chunks(directory, follow=follow, new=new, complain=complain):
        yield from _completed(begun, text)
        if not text:
            time.sleep(pause)
    if any(begun):
        yield Line(b"".join(begun))


def looks(
    directory: str | os.PathLike[str], *, new: bool = False, complain: Callable[[str], None]
) -> Iterator[list[Line]]:
    """Follow a log without waiting, for those who follow several: some lines at each step.

    An empty list means that no more lines are complete yet; inside a line of more than 64 KB
    one comes for each piece. See `lines`.
    """
    begun: list[bytes] = []
    for text in chunks(directory, follow=True, new=new, complain=complain):
        yield _completed(begun, text)


def _completed(begun: list[bytes], text: bytes) -> list[Line]:
    """The lines that end in this text; `begun` keeps the pieces of the one that does not."""
    if not text:
        return []
    first, *others = text.split(b"\n")
    begun.append(first)
    completed = []
    for following in others:
        completed.append(Line(b"".join(begun)))
        begun[:] = [following]
    return completed


def chunks(
    directory: str | os.PathLike[str],
    *,
    follow: bool,
    new: bool,
    complain: Callable[[str], None],
) -> Iterator[bytes]:
    """The bytes of the log in pieces of at most 64 KB; see `lines`.

    A line that was broken off gets a newline here. With `follow`, an empty piece means
    that there is no more yet: the caller waits, and asks again.
    """
    files = _Files(Path(directory), new=new, may_be_missing=follow, complain=complain)
    chunk = b"\n"
    try:
        while True:
            newer = files.look_for_newer()
            while more := files.read():
                chunk = more
                yield chunk
            if newer:
                if files.is_broken_off() and not chunk.endswith(b"\n"):
                    chunk = b"\n"
                    yield chunk
                files.turn_to(newer)
            elif follow:
                yield b""
            else:
                return
    finally:
        files.close()


def last_bytes(directory: Path, name: str, most: int) -> tuple[bytes, os.stat_result]:
    """The last bytes of a file of the log, decompressed if it is compressed, and its status.

    Raises OSError, EOFError and zlib.error.
    """
    file = _File(directory, name)
    try:
        if not file.is_regular:
            raise OSError(_NO_FILE)
        about = os.fstat(file.fd)
        if not file.is_compressed:
            return os.pread(file.fd, most, max(about.st_size - most, 0)), about
        end = b""
        while more := file.read():
            end = (end + more)[-most:]
        return end, about
    finally:
        close(file.fd)


def why_unreadable(error: Exception) -> str:
    """Why a file of the log cannot be read, in words."""
    if not isinstance(error, OSError) or not error.errno:
        return str(error)
    return "a symbolic link" if error.errno == errno.ELOOP else error_text(error.errno)


class _File:
    """An open file of the log, and the last name it was seen under. Raises OSError."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.fd = os.open(directory / name, _HOW)
        status = os.fstat(self.fd)
        self.is_regular = stat.S_ISREG(status.st_mode)
        self.inode = (status.st_dev, status.st_ino)
        self.is_cut_short = name.endswith(".u")
        self.state: tuple[int, int] | None = None  # the directory's, before it was opened
        self._unzipped: gzip.GzipFile | None = None
        if self.is_regular and name.startswith("@") and os.pread(self.fd, 3, 0) == _GZIP:
            self._unzipped = gzip.GzipFile(fileobj=open(self.fd, "rb", 0, closefd=False))

    def read(self) -> bytes:
        """More of its text; empty at its end. Raises OSError, EOFError and zlib.error."""
        if self._unzipped:
            return self._unzipped.read1(BLOCK_BYTES)
        return os.read(self.fd, BLOCK_BYTES)

    @property
    def is_compressed(self) -> bool:
        """Has gzip made it?"""
        return self._unzipped is not None

    def is_gone(self) -> bool:
        """Has its last name been removed?"""
        return os.fstat(self.fd).st_nlink == 0


class _Files:
    """The files of a log directory, in the order in which they must be read."""

    def __init__(
        self,
        directory: Path,
        *,
        new: bool,
        may_be_missing: bool,
        complain: Callable[[str], None],
    ) -> None:
        self._directory = directory
        self._may_be_missing = may_be_missing
        self._complain = complain
        self._skipped: set[str] = set()
        self._reading: _File | None = None
        # Files that were read (or are being read) as `current` or `previous`, and whose final
        # name has not been seen. They stay open, so that no other file gets their inode.
        self._unnamed: list[_File] = []
        # Final names that need no second look, and their inodes: between two
        # steps of multilog a file is still `previous` and already has its final name.
        self._settled: dict[str, tuple[int, int] | None] = {}
        # Final names that were listed and have not been looked at yet, the newest first.
        self._listed: list[str] = []
        self._left_over = 0  # the inode of a `processed` that got no name in time
        if new:
            while newer := self.look_for_newer():
                os.lseek(newer.fd, 0, os.SEEK_END)
                self.turn_to(newer)

    def read(self) -> bytes:
        """More of the file that is being read; empty at its end, or where it is damaged."""
        if not self._reading:
            return b""
        try:
            return self._reading.read()
        except (OSError, EOFError, zlib.error) as error:
            self._reading.is_cut_short = True
            self._skip(self._reading.name, str(error))
            return b""

    def is_broken_off(self) -> bool:
        """Does the file that is being read end before the end of what was written?"""
        return self._reading is not None and self._reading.is_cut_short

    def turn_to(self, newer: _File) -> None:
        """Read `newer` from now on."""
        old, self._reading = self._reading, newer
        if old and old not in self._unnamed:
            close(old.fd)

    def look_for_newer(self) -> _File | None:
        """The first file that has not been read, opened; None if there is none yet."""
        while True:
            if newer := self._next_listed():
                return newer
            state = self._state()
            current, previous = self._open("current"), self._open("previous")
            if not previous:
                self._wait_for_a_name()
            self._list_final_names()
            newer = self._next_listed()
            for file in (previous, current):
                if file and not newer and not self._is_known(file):
                    newer = file
                elif file:
                    close(file.fd)
            if not newer or newer.name in self._settled:
                return newer
            if not newer.is_gone():
                newer.state = state
                self._unnamed.append(newer)
                return newer
            close(newer.fd)  # it has another name by now, and that must be read first

    def _wait_for_a_name(self) -> None:
        """Wait while what a processor has made is complete, and has no final name yet.

        multilog has removed `previous` by then, so these lines have no other name, and what is
        in `current` comes after them. If a crash left the file, wait for it once.
        """
        for _ in range(round(_NAMED_WITHIN_SECONDS / _NAME_LOOK_SECONDS)):
            try:
                status = os.stat(self._directory / "processed", follow_symlinks=False)
            except OSError:
                return
            if not status.st_mode & stat.S_IXUSR or status.st_ino == self._left_over:
                return
            time.sleep(_NAME_LOOK_SECONDS)
        self._left_over = status.st_ino

    def _list_final_names(self) -> None:
        """List the new final names, and forget those that are gone."""
        try:
            names = {name for name in os.listdir(self._directory) if _FINAL_NAME.fullmatch(name)}
        except FileNotFoundError:
            if not self._may_be_missing:
                raise
            names = set()
        for removed in self._settled.keys() - names:
            del self._settled[removed]
        self._listed = sorted(names - self._settled.keys(), reverse=True)

    def _next_listed(self) -> _File | None:
        """The first listed file that has not been read."""
        while self._listed:
            file = self._open(name := self._listed.pop())
            self._settled[name] = file.inode if file else None
            if not file:
                continue  # the oldest file, removed meanwhile; or a skipped one
            if not self._is_named(file) and not self._is_replacement():
                return file
            close(file.fd)
        return None

    def _is_named(self, file: _File) -> bool:
        """Is this one of the files whose final name had not been seen?"""
        for known in self._unnamed:
            if known.inode == file.inode:
                known.name = file.name
                self._forget(known)
                return True
        return False

    def _is_replacement(self) -> bool:
        """Did a processor make the file with the new name from the oldest unnamed one?"""
        while self._unnamed and self._unnamed[0].is_gone():
            removed = self._unnamed[0]
            self._forget(removed)
            if removed.state != self._state():
                return True
        return False

    def _state(self) -> tuple[int, int] | None:
        """What identifies the file `state`: each run of a processor leaves a new one."""
        try:
            status = os.stat(self._directory / "state")
        except OSError:
            return None
        return (status.st_ino, status.st_ctime_ns)

    def _is_known(self, file: _File) -> bool:
        unnamed = [known.inode for known in self._unnamed]
        return file.inode in unnamed or file.inode in self._settled.values()

    def _forget(self, known: _File) -> None:
        self._unnamed.remove(known)
        if known is not self._reading:
            close(known.fd)

    def _open(self, name: str) -> _File | None:
        """The file, opened; None if it does not exist or must be skipped. Raises OSError."""
        try:
            file = _File(self._directory, name)
        except FileNotFoundError:
            return None
        except OSError as error:
            if error.errno not in _OF_ONE_FILE:
                raise
            self._skip(name, why_unreadable(error))
            return None
        if file.is_regular:
            return file
        close(file.fd)
        self._skip(name, _NO_FILE)
        return None

    def _skip(self, name: str, reason: str) -> None:
        if name not in self._skipped:
            self._skipped.add(name)
            self._complain(f"{self._directory / name}: {reason}")

    def close(self) -> None:
        """Close all files."""
        for file in self._unnamed:
            close(file.fd)
        if self._reading and self._reading not in self._unnamed:
            close(self._reading.fd)


def _arguments() -> argparse.Namespace:
    """The options and the directory on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -I -m daemontools.logs",
        description="Print the log that multilog keeps in a directory, rotated files included.",
    )
    parser.add_argument("directory", help="multilog's directory, e.g. /service/clock/log/main")
    parser.add_argument("--follow", action="store_true", help="wait for more lines, for ever")
    parser.add_argument(
        "--new", action="store_true", help="print only lines that are still to come"
    )
    parser.add_argument("--local", action="store_true", help="print local dates in place of labels")
    return parser.parse_args()


def main() -> None:
    """The command line of `python -I -m daemontools.logs`.

    Exit code 1: part of the log could not be shown.
    """
    import signal

    from daemontools.fast.local import Localiser
    from daemontools.unix.localtime import local_time

    arguments = _arguments()
    # Like any filter: no traceback when the reader leaves or somebody presses Ctrl-C.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    complaints = []

    def complain(text: str) -> None:
        complaints.append(text)
        warn(NAME, os.fsencode(text))

    def show(text: bytes) -> None:
        try:
            write_all(1, localiser.convert(text) if arguments.local else text)
        except OSError as error:
            die(1, NAME, "unable to write output: ", error)

    localiser, last = Localiser(local_time), b"\n"
    try:
        for last in chunks(
            arguments.directory, follow=arguments.follow, new=arguments.new, complain=complain
        ):
            show(last) if last else time.sleep(LOOK_SECONDS)
    except OSError as error:
        die(1, NAME, "unable to read ", os.fsencode(arguments.directory), ": ", error)
    if not last.endswith(b"\n"):
        show(b"\n")
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
