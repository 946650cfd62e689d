"""What the manual says supervise does with a letter: a model of a few lines.

The service is one that survives every signal but KILL. Between two letters
supervise has time to obey, and a new ./run has time to get ready.
"""

from collections import Counter
from dataclasses import dataclass, field

SENDS = {"h": "HUP", "a": "ALRM", "i": "INT", "t": "TERM"}
WANTS = {"u": b"u", "d": b"d", "o": b"\0"}


@dataclass
class Model:
    """A supervise and its service."""

    up: bool = True
    stopped: bool = False
    want: bytes = b"u"
    leaving: bool = False  # x was sent
    gone: bool = False
    starts: int = 1  # of ./run, ever
    signals: Counter[str] = field(default_factory=Counter)  # that all ./run have taken
    waiting: set[str] = field(default_factory=set)  # that a stopped ./run will take

    def obey(self, letter: str) -> None:
        """Do what the letter asks for."""
        self.want = WANTS.get(letter, self.want)
        if letter in SENDS:
            self._send(SENDS[letter])
        elif letter == "d":
            self._send("TERM")
            self._continue()
        elif letter in "uo" and not self.up:
            self._start()
        elif letter == "p":
            self.stopped = self.up
        elif letter == "c":
            self._continue()
        elif letter == "k":
            self._die()
        elif letter == "x":
            self.leaving = True
            self.gone = not self.up

    def _send(self, name: str) -> None:
        if self.up and self.stopped:
            self.waiting.add(name)
        elif self.up:
            self.signals[name] += 1

    def _continue(self) -> None:
        if self.up:
            self.stopped = False
            self.signals.update([*self.waiting, "CONT"])
            self.waiting.clear()

    def _start(self) -> None:
        self.up = True
        self.starts += 1

    def _die(self) -> None:
        was_up = self.up
        self.up = self.stopped = False
        self.waiting.clear()
        if was_up and self.leaving:
            self.gone = True
        elif was_up and self.want == b"u":
            self._start()
