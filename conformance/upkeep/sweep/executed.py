"""Note which lines of some modules run, in this process and in its forks."""

import mmap
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

Tracer = Callable[[FrameType, str, object], Any]


class Executed:
    """The lines of these files that ran: one byte for each, in memory that the forks share."""

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.places, self.tracers, size = {}, {}, 0
        for name, path in files.items():
            self.places[name] = range(size, size := size + path.read_bytes().count(b"\n") + 2)
        self.notes = mmap.mmap(-1, size or 1)
        for name, path in files.items():
            self.tracers[str(path)] = _tracer(self.notes, self.places[name].start)

    def begin(self) -> None:
        """Take note from now on, in this process."""
        sys.settrace(lambda frame, *_: self.tracers.get(frame.f_code.co_filename))

    def lines(self, name: str) -> set[int]:
        """The numbers of the lines of this file that ran."""
        return {n for n, place in enumerate(self.places[name]) if self.notes[place]}


def _tracer(notes: mmap.mmap, start: int) -> Tracer:
    def traced(frame: FrameType, event: str, _: object) -> Tracer:
        if event == "line":
            notes[start + frame.f_lineno] = 1
        return traced

    return traced
