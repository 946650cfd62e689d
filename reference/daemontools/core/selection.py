"""What multilog does with its input, a block at a time: the fast path.

The same as `lines.py`, which is the place to learn what happens; this module
only says how it happens quickly. Python's interpreter is slow, its byte strings
and regular expressions are not, so a log costs no statement of Python for each line.

* A block is cut at its last newline. What stands before are whole lines; what
  stands behind begins a line, and waits.
* All lines of a block that begin in it have one stamp. Without patterns,
  stamping is one replacement: each newline by a newline and the stamp.
* Patterns become one regular expression that matches the lines that are kept,
  and `filter` finds them.
* As a star never looks back, what a pattern does with the stamp can be worked
  out once for the block: `advance` says what of the pattern is left after it.
  Only that is asked of each line.

The regular expression: keep() matches everything; after `+P` it is P|keep, after
`-P` it is (?!P)keep. A star before the character c is [^c]*+, which, like multilog,
never gives anything back.
"""

from daemontools.core.lines import LONGEST_JUDGED, Output, alert, is_selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from daemontools.core.script import Action

    Judge = Callable[[bytes], object]

# So many compiled expressions are kept.
MOST_JUDGES = 32


def advance(pattern: bytes, text: bytes) -> bytes | None:
    """The pattern for what follows once `text` has been matched; None: no line can match.

    >>> advance(b"* fatal: *", b"@400 ")
    b'fatal: *'
    >>> advance(b"*x*", b"@400 ")
    b'*x*'
    >>> advance(b"fatal", b"@400 ") is None
    True
    """
    index = position = 0
    while position < len(text):
        if index == len(pattern):
            return None
        if pattern[index] != ord("*"):
            if pattern[index] != text[position]:
                return None
            position += 1
        elif index + 1 == len(pattern):
            break
        else:
            position = text.find(pattern[index + 1], position)
            if position < 0:
                break
        index += 1
    return pattern[index:]


def expression(pattern: bytes) -> bytes:
    r"""A regular expression that matches a whole line just if the pattern does.

    >>> expression(b"a*: b*")
    b'a[^:]*+:\\ b'
    """
    import re

    parts: list[bytes] = []
    for index in range(len(pattern)):
        character, following = pattern[index : index + 1], pattern[index + 1 : index + 2]
        if character != b"*":
            parts.append(re.escape(character))
        elif not following:
            return b"".join(parts)
        elif following == b"*":
            parts.append(b"[^*]*+(?=[*])")
        else:
            parts.append(b"[^" + re.escape(following) + b"]*+")
    return b"".join(parts) + b"\\Z"


def judge(patterns: "list[Action]") -> "Judge":
    """A function that says of a line (its first 1000 characters) whether it is kept."""
    import re

    kept = b""
    for kind, pattern in patterns:
        if pattern == b"*":
            kept = b"" if kind == b"+" else b"(?!)"
        elif kind == b"+":
            kept = b"(?:" + expression(pattern) + b"|" + kept + b")"
        else:
            kept = b"(?!" + expression(pattern) + b")" + kept
    try:
        return re.compile(kept, re.DOTALL).match
    except (RecursionError, OverflowError):  # too many patterns for one expression
        return lambda line: is_selected(patterns, line)


class Selection:
    """What is left over between two blocks of input; see `lines.Lines`."""

    def __init__(self, is_stamped: bool, actions: "list[Action]") -> None:
        self.is_stamped = is_stamped
        self.actions = actions
        # The line that has begun and is not judged yet, its stamp first. Empty: there is none.
        self.line = b""
        # Of a line that was judged before its end: which logs get the rest.
        self.rest_for: list[bool] | None = None
        # The functions in use, by the patterns that they apply. Some patterns depend on the
        # digits of the stamp, so that new ones never cease to appear: see _judge_for.
        self.judges: dict[tuple[Action, ...], Judge] = {}

    def feed(self, block: bytes, label: bytes) -> Output:
        """What a block of input leads to; `label` stamps the lines that begin in it."""
        output = Output(self.actions)
        if self.rest_for is not None or self.line:
            text, newline, block = block.partition(b"\n")
            self._go_on(text, newline, output)
        stamp = label + b" " if self.is_stamped else b""
        lines, newline, begun = block.rpartition(b"\n")
        if newline:
            self._carry_out(lines, stamp, newline, output)
        if begun:
            self._go_on(stamp + begun, b"", output)
        return output

    def end(self) -> Output:
        """The input has ended: a line without its newline gets one."""
        output = Output(self.actions)
        if self.rest_for is not None or self.line:
            self._go_on(b"", b"\n", output)
        return output

    def _go_on(self, text: bytes, newline: bytes, output: Output) -> None:
        """More of the line that has begun: text, then perhaps its end."""
        if self.rest_for is None:
            self.line += text
            if not newline and len(self.line) < LONGEST_JUDGED:
                return
            before = [len(log) for log in output.logs]
            self._carry_out(self.line, b"", b"", output)
            self.rest_for = [len(log) > n for log, n in zip(output.logs, before, strict=True)]
            self.line = text = b""
        for index, selected in enumerate(self.rest_for):
            if selected:
                output.logs[index] += text + newline
        if newline:
            self.rest_for = None

    def _carry_out(self, text: bytes, stamp: bytes, end: bytes, output: Output) -> None:
        """The actions for whole lines: `text`, with newlines between them, then `end`."""
        lines = kept = text.split(b"\n")
        patterns: list[Action] = []
        statuses = logs = 0
        is_judged = True  # do the patterns so far have their say in `kept`?
        alerts: list[Judge] = []
        last_lines: list[tuple[int, int]] = []  # of a status file: its last line, and which it is
        for action in self.actions:
            if action[0] in (b"-", b"+"):
                patterns.append(action)
                is_judged = False
                continue
            if action[0] == b"e":
                alerts.append(self._judge_for(stamp, patterns))
                continue
            if not is_judged:
                kept, is_judged = self._kept(lines, stamp, patterns), True
            if action[0] == b"/":
                if kept is lines:
                    output.logs[logs] += stamp + text.replace(b"\n", b"\n" + stamp) + end
                elif kept:
                    output.logs[logs] += stamp + (b"\n" + stamp).join(kept) + end
                logs += 1
            else:
                if kept:
                    # Equal lines are kept or not together, so that this finds the one meant.
                    last_lines.append((len(lines) - lines[::-1].index(kept[-1]) - 1, statuses))
                statuses += 1
        for number, index in sorted(last_lines):
            output.set_status(index, stamp + lines[number])
        judged = LONGEST_JUDGED - len(stamp)
        output.alerts += b"".join(
            alert(stamp + line)
            for line in (lines if alerts else ())
            for is_kept in alerts
            if is_kept(line[:judged])
        )

    def _kept(self, lines: list[bytes], stamp: bytes, patterns: "list[Action]") -> list[bytes]:
        """The lines, yet without the stamp, that are selected after these patterns."""
        is_kept = self._judge_for(stamp, patterns)
        judged = LONGEST_JUDGED - len(stamp)
        if max(map(len, lines)) > judged:
            return [line for line in lines if is_kept(line[:judged])]
        return list(filter(is_kept, lines))

    def _judge_for(self, stamp: bytes, patterns: "list[Action]") -> "Judge":
        """The function for what the patterns ask beyond the stamp."""
        asked = tuple(
            (kind, rest)
            for kind, pattern in patterns
            if (rest := advance(pattern, stamp)) is not None
        )
        if asked not in self.judges:
            if len(self.judges) == MOST_JUDGES:
                self.judges.clear()
            self.judges[asked] = judge(list(asked))
        return self.judges[asked]
