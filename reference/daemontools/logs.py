"""Read the logs that multilog keeps: all the lines of a directory, in order.

    python -m daemontools.logs /service/clock/log/main
    python -m daemontools.logs --follow --local /service/clock/log/main

    >>> from daemontools import logs
    >>> for line in logs.lines("/service/clock/log/main"):      # doctest: +SKIP
    ...     print(line.time, line.text)

multilog writes into `current`. When that is full it renames it to `previous`,
starts a new `current`, and gives `previous` its final name, `@` a time label
and `.s`. A file that it found unfinished when it started again ends in `.u`.
With a processor the final file is a new one, made from `previous`.

All this may happen while we read. The rules that make it safe:

* a file is known by its inode, held open: what was read as `current` is not
  read again when it turns up as `previous` or `@...s`;
* a file moves from `current` to `previous` to its final name, and never back. We
  look in that order, so that one which moves is seen twice but never missed;
* whether a newer file exists is asked before the last read of the older one:
  multilog has written all of a file before it renames it;
* if a file that we read as `current` disappears, a processor has replaced it,
  and the next new name is its replacement: that is not read.

A line that did not fit into one file goes on in the next, and is given whole;
only after `.u` a rest without newline is a line by itself. multilog removes its
oldest files: lines that it removes before we read them are lost to us.
"""

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from daemontools.core.tai64 import TAI64N_TEXT, parse_tai64n
from daemontools.unix.streams import read_block

_FINAL_NAME = re.compile(r"@[0-9a-f]{24}\.[su]")


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
    directory: str | os.PathLike[str], follow: bool = False, new: bool = False, pause: float = 0.25
) -> Iterator[Line]:
    """The lines of a log directory, oldest first.

    `follow`: do not end with the last line, wait for more, for ever, and look
    every `pause` seconds. `new`: leave out what is there already. Without
    `follow` a last line that has no newline yet is given as it is.
    Raises OSError if the directory or a file in it cannot be read.
    """
    unfinished = b""
    for chunk in _chunks(_Files(Path(directory), new), follow, pause):
        if chunk:
            *whole, unfinished = (unfinished + chunk).split(b"\n")
            yield from map(Line, whole)
        elif unfinished:
            yield Line(unfinished)
            unfinished = b""
    if unfinished:
        yield Line(unfinished)


def _chunks(files: "_Files", follow: bool, pause: float) -> Iterator[bytes]:
    """The bytes of the log; an empty chunk where a line is broken off."""
    try:
        while True:
            newer = files.look_for_newer()
            while chunk := files.read():
                yield chunk
            if newer:
                if files.is_broken_off():
                    yield b""
                files.turn_to(newer)
            elif follow:
                time.sleep(pause)
            else:
                return
    finally:
        files.close()


class _File:
    """An open file of the log, and the last name it was seen under."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.fd = os.open(directory / name, os.O_RDONLY)
        status = os.fstat(self.fd)
        self.inode = (status.st_dev, status.st_ino)

    def is_gone(self) -> bool:
        """Has its last name been removed?"""
        return os.fstat(self.fd).st_nlink == 0


class _Files:
    """The files of a log directory, in the order in which they are to be read."""

    def __init__(self, directory: Path, new: bool) -> None:
        self._directory = directory
        self._reading: _File | None = None
        # Read (or being read) as `current` or `previous`, final name not yet seen.
        # They stay open, so that the system cannot give their inodes to others.
        self._unnamed: list[_File] = []
        # Final names that need not be looked at again, and their inodes: between two
        # steps of multilog a file is `previous` and has its final name already.
        self._settled: dict[str, tuple[int, int]] = {}
        if new:
            while newer := self.look_for_newer():
                os.lseek(newer.fd, 0, os.SEEK_END)
                self.turn_to(newer)

    def read(self) -> bytes:
        """More of the file that is being read; nothing at its end."""
        return read_block(self._reading.fd) if self._reading else b""

    def is_broken_off(self) -> bool:
        """Was the file that is being read left unfinished by a multilog that died?"""
        return self._reading is not None and self._reading.name.endswith(".u")

    def turn_to(self, newer: _File) -> None:
        """Read this file from now on."""
        old, self._reading = self._reading, newer
        if old and old not in self._unnamed:
            os.close(old.fd)

    def look_for_newer(self) -> _File | None:
        """The first file that has not been read, opened; None if there is none yet."""
        while True:
            current, previous = self._open("current"), self._open("previous")
            newer = self._look_at_final_names()
            for file in (previous, current):
                if file and not newer and not self._is_known(file):
                    newer = file
                elif file:
                    os.close(file.fd)
            if not newer or newer.name in self._settled:
                return newer
            if not newer.is_gone():
                self._unnamed.append(newer)
                return newer
            os.close(newer.fd)  # it has another name by now, which is to be read first

    def _look_at_final_names(self) -> _File | None:
        names = {name for name in os.listdir(self._directory) if _FINAL_NAME.fullmatch(name)}
        for removed in self._settled.keys() - names:
            del self._settled[removed]
        for name in sorted(names - self._settled.keys()):
            file = self._open(name)
            if not file:
                continue  # it was the oldest and has been removed
            self._settled[name] = file.inode
            if not self._is_named(file) and not self._is_replacement():
                return file
            os.close(file.fd)
        return None

    def _is_named(self, file: _File) -> bool:
        """Is this one of the files that were waiting for their names?"""
        for known in self._unnamed:
            if known.inode == file.inode:
                known.name = file.name
                self._forget(known)
                return True
        return False

    def _is_replacement(self) -> bool:
        """Is the new name that of a file that a processor made of the oldest that waits?"""
        if self._unnamed and self._unnamed[0].is_gone() and self._has_processor():
            self._forget(self._unnamed[0])
            return True
        return False

    def _has_processor(self) -> bool:
        return (self._directory / "state").exists()

    def _is_known(self, file: _File) -> bool:
        unnamed = [known.inode for known in self._unnamed]
        return file.inode in unnamed or file.inode in self._settled.values()

    def _forget(self, known: _File) -> None:
        self._unnamed.remove(known)
        if known is not self._reading:
            os.close(known.fd)

    def _open(self, name: str) -> _File | None:
        try:
            return _File(self._directory, name)
        except FileNotFoundError:
            return None

    def close(self) -> None:
        """Close all files."""
        for file in self._unnamed:
            os.close(file.fd)
        if self._reading and self._reading not in self._unnamed:
            os.close(self._reading.fd)


def main() -> None:
    """The command line of `python -m daemontools.logs`."""
    import argparse
    import signal

    from daemontools.core.local_blocks import Localiser
    from daemontools.unix.localtime import local_time

    parser = argparse.ArgumentParser(
        prog="python -m daemontools.logs",
        description="Print the log that multilog keeps in a directory, across rotated files.",
    )
    parser.add_argument("directory", help="multilog's directory, e.g. /service/clock/log/main")
    parser.add_argument("--follow", action="store_true", help="wait for more lines, for ever")
    parser.add_argument("--new", action="store_true", help="only lines that come from now on")
    parser.add_argument("--local", action="store_true", help="local dates instead of labels")
    arguments = parser.parse_args()
    # Like any filter: no traceback when the reader leaves or somebody presses Ctrl-C.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    localiser, output = Localiser(local_time), sys.stdout.buffer
    try:
        for line in lines(arguments.directory, arguments.follow, arguments.new):
            text = line.raw + b"\n"
            output.write(localiser.convert(text) if arguments.local else text)
            if arguments.follow:
                output.flush()
        output.flush()
    except OSError as error:
        sys.exit(f"daemontools.logs: {error}")


if __name__ == "__main__":
    main()
