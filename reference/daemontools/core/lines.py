"""What multilog does with its input, line by line: the plain version.

Input arrives in blocks that end anywhere. A line is stamped when its first byte
arrives, and judged when it is complete or has 1000 characters, stamp included:
only those first characters decide. The rest of the line, up to the newline,
goes straight to the logs that selected the line, so that a line of any length
takes no more memory than a short one.

The actions are carried out in order. Each line begins selected; `-` and `+`
change that; every other action acts on a line that is selected when its turn comes.

This is the model. multilog runs `fast/lines.py`, which a property test proves
equal to it (reference/tests/test_fast_lines.py; docs/explain/fast-path.md).
Clauses: multilog/line/..., multilog/alert/..., multilog/status/...
"""

from daemontools.core.match import match

TYPE_CHECKING = False
if TYPE_CHECKING:
    from daemontools.core.script import Action

LONGEST_JUDGED = 1000  # characters of a line that patterns, alerts and status files see
LONGEST_ALERT = 200  # characters of an alert
STATUS_BYTES = 1001  # size of what is written to a status file


class Output:
    """The results of a block of input, in the order of the script's actions."""

    def __init__(self, actions: "list[Action]") -> None:
        # For standard error.
        self.alerts = b""
        # n -> the last content of the n-th status file, in the order of the last writes: two
        # numbers may mean the same file. A file that does not change has no entry.
        self.statuses: dict[int, bytes] = {}
        # What is appended to each log.
        self.logs = [b"" for kind, _ in actions if kind == b"/"]

    def set_status(self, index: int, line: bytes) -> None:
        """A status file has a new line."""
        self.statuses.pop(index, None)
        self.statuses[index] = status(line)


def alert(line: bytes) -> bytes:
    r"""What the action `e` prints for a line without its newline.

    >>> alert(b"x" * 200)[-3:], alert(b"x" * 201)[-6:]
    (b'xx\n', b'xx...\n')
    """
    return line + b"\n" if len(line) <= LONGEST_ALERT else line[:LONGEST_ALERT] + b"...\n"


def status(line: bytes) -> bytes:
    """What the action `=` writes for a line without its newline."""
    return line[:LONGEST_JUDGED].ljust(STATUS_BYTES, b"\n")


def is_selected(patterns: "list[Action]", line: bytes) -> bool:
    """Is the line selected after these `-` and `+` actions? The patterns see all of `line`."""
    selected = True
    for kind, pattern in patterns:
        if selected == (kind == b"-") and match(pattern, line):
            selected = not selected
    return selected


class Lines:
    """Turns blocks of input into outputs; between two blocks it keeps an unfinished line."""

    def __init__(self, actions: "list[Action]", *, is_stamped: bool) -> None:
        self.is_stamped = is_stamped
        self.actions = actions
        # A line that has begun and has not been judged, stamp included: fewer than
        # 1000 characters. None: no byte of a line has arrived.
        self.line: bytes | None = None
        # For a line that was judged before its end: which logs get the rest.
        self.rest_for: list[bool] | None = None

    def feed(self, block: bytes, label: bytes) -> Output:
        """What a block of input leads to; `label` stamps the lines that begin in it."""
        output = Output(self.actions)
        while block:
            text, newline, block = block.partition(b"\n")
            if self.rest_for is not None:
                _append(output, self.rest_for, text)
            else:
                self._add_to_line(text, label, output)
            if newline:
                self._end_line(output)
        return output

    def end(self) -> Output:
        """The input has ended: a line without its newline gets one."""
        output = Output(self.actions)
        if self.line is not None or self.rest_for is not None:
            self._end_line(output)
        return output

    def _add_to_line(self, text: bytes, label: bytes, output: Output) -> None:
        if self.line is None:
            self.line = label + b" " if self.is_stamped else b""
        self.line += text
        if len(self.line) >= LONGEST_JUDGED:
            self._judge(self.line, output)

    def _end_line(self, output: Output) -> None:
        if self.line is not None:
            self._judge(self.line, output)
        assert self.rest_for is not None  # _judge has set it, now or earlier
        _append(output, self.rest_for, b"\n")
        self.rest_for = None

    def _judge(self, line: bytes, output: Output) -> None:
        """Carry out the actions; append the line so far to the logs that select it."""
        seen = line[:LONGEST_JUDGED]
        patterns: list[Action] = []
        chosen: list[bool] = []
        statuses = 0
        for action in self.actions:
            if action[0] in (b"-", b"+"):
                patterns.append(action)
                continue
            selected = is_selected(patterns, seen)
            if action[0] == b"/":
                chosen.append(selected)
            elif action[0] == b"=":
                if selected:
                    output.set_status(statuses, seen)
                statuses += 1
            elif selected:
                output.alerts += alert(seen)
        _append(output, chosen, line)
        self.line, self.rest_for = None, chosen


def _append(output: Output, chosen: list[bool], text: bytes) -> None:
    for index, selected in enumerate(chosen):
        if selected:
            output.logs[index] += text
