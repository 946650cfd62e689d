"""What multilog does with its input, a block at a time: the fast path.

The same as `core/lines.py`, which is the place to learn what happens; this
module only says how it happens quickly. Python's interpreter is slow, its byte strings
and regular expressions are not, so a log costs no statement of Python for each line.

* A block is cut at its last newline. What stands before are whole lines; what
  stands behind begins a line, and waits.
* All lines of a block that begin in it have one stamp. Stamping is one
  replacement: each newline by a newline and the stamp.
* The patterns before an action become one regular expression that matches the
  lines that are kept, and `filter` finds them.
* As a star never looks back, most patterns are done with the stamp in one way,
  whatever its digits: `beyond_stamp` says what is left of them. If that is so for
  all patterns, they are asked about the lines as they came, which is much faster.

The regular expressions are made when the program starts, so that lack of memory
shows before anything has been read. Should a block fail all the same, nothing has
changed: it can be fed again, whole or in pieces.
"""

from daemontools.core.lines import LONGEST_JUDGED, Output, alert, is_selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from daemontools.core.script import Action

    # Tells of a line (its first 1000 characters) whether it is kept. None: every line is.
    Judge = Callable[[bytes], object] | None

STAMP = b"@" + b"0" * 24 + b" "  # each digit stands for all
DIGITS = b"0123456789abcdef"


def beyond_stamp(pattern: bytes) -> bytes | None:
    """The pattern for what follows a stamp; None: no line can match.

    Raises ValueError if that depends on the digits of the stamp.

    >>> beyond_stamp(b"* fatal: *")
    b'fatal: *'
    >>> beyond_stamp(b"*x*")
    b'*x*'
    >>> beyond_stamp(b"fatal") is None
    True
    """
    index = position = 0
    while position < len(STAMP):
        if index == len(pattern):
            return None
        is_star = pattern[index : index + 1] == b"*"
        if is_star and index + 1 == len(pattern):
            break
        character = pattern[index + is_star]
        meets_digit = STAMP[position:] != b" " if is_star else STAMP[position] in DIGITS
        if character in DIGITS and meets_digit:
            raise ValueError(pattern)
        if is_star:
            position = STAMP.find(character, position)
            if position < 0:
                break
        elif character != STAMP[position]:
            return None
        else:
            position += 1
        index += 1
    return pattern[index:]


def expression(pattern: bytes) -> bytes:
    r"""A regular expression that matches a whole line just if the pattern does.

    A star before the character c is [^c]*+, which, like multilog, never gives
    anything back.

    >>> expression(b"a*: b*")
    b'a[^:]*+:\\ b'
    """
    import re  # 6 ms that most logs need not wait for; before anything is read

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
    r"""What all these patterns together say of a line.

    The last pattern that matches decides, so it is the first alternative of an
    atomic group, which never tries a second one. An alternative for `+` goes on
    to the end of the line, one for `-` stays at its beginning; and \Z asks where
    we are. The empty line begins where it ends, and is judged in advance.
    """
    if not patterns:
        return None
    import re

    alternatives = [b".*+"]  # without a match, the line stays selected
    for kind, pattern in patterns:
        found = expression(pattern)
        alternatives.append(found + b".*+" if kind == b"+" else b"(?=" + found + b")")
    nonempty = b"" if is_selected(patterns, b"") else b"(?!\\Z)"
    kept = nonempty + b"(?>" + b"|".join(reversed(alternatives)) + b")\\Z"
    return re.compile(kept, re.DOTALL).match


def judges(actions: "list[Action]") -> "list[tuple[bytes, Judge]]":
    """The actions but for the patterns, each with the judge of the lines that it sees."""
    found: list[tuple[bytes, Judge]] = []
    patterns: list[Action] = []
    is_kept: Judge = None
    is_current = True
    for kind, operand in actions:
        if kind in (b"-", b"+"):
            patterns.append((kind, operand))
            is_current = False
            continue
        if not is_current:
            is_kept, is_current = judge(patterns), True
        found.append((kind, is_kept))
    return found


def judges_beyond_stamp(actions: "list[Action]") -> "list[tuple[bytes, Judge]]":
    """The same for lines less their stamp. Raises ValueError if some pattern needs its digits."""
    rest: list[Action] = []
    for kind, operand in actions:
        left = beyond_stamp(operand) if kind in (b"-", b"+") else operand
        if left is not None:
            rest.append((kind, left))
    return judges(rest)


class Selection:
    """What is left over between two blocks of input; see `core.lines.Lines`."""

    def __init__(self, actions: "list[Action]", *, is_stamped: bool) -> None:
        self.is_stamped = is_stamped
        self.actions = actions
        # What is done to each line, in order: (b"e" or b"=" or b"/", to which lines);
        # and how much of a line the judges do not see.
        self.stamp_bytes = self.unseen = len(STAMP) if is_stamped else 0
        try:
            self.steps = judges_beyond_stamp(actions) if is_stamped else judges(actions)
        except ValueError:
            self.steps, self.unseen = judges(actions), 0
        # The line that has begun and is not judged yet, its stamp first. Empty: there is none.
        self.line = b""
        # Of a line that was judged before its end: which logs get the rest.
        self.rest_for: list[bool] | None = None

    def memory_per_byte(self) -> int:
        """The memory, in bytes, that a byte of a block can take at the most.

        Most is taken by a block of newlines, each of which gets a stamp: measured,
        and rounded up (reference/tests/test_fast_lines.py).
        """
        return 350 + 130 * len(self.steps)

    def feed(self, block: bytes, label: bytes) -> Output:
        """What a block of input leads to; `label` stamps the lines that begin in it.

        An exception (MemoryError) leaves everything as it was.
        """
        before = self.line, self.rest_for
        try:
            return self._feed(block, label)
        except BaseException:
            self.line, self.rest_for = before
            raise

    def _feed(self, block: bytes, label: bytes) -> Output:
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
        return self.feed(b"\n" if self.rest_for is not None or self.line else b"", b"")

    def _go_on(self, text: bytes, newline: bytes, output: Output) -> None:
        """More of the line that has begun: text, then perhaps its end."""
        if self.rest_for is None:
            self.line += text
            if not newline and len(self.line) < LONGEST_JUDGED:
                return
            before = [len(log) for log in output.logs]
            stamp, text = self.line[: self.stamp_bytes], self.line[self.stamp_bytes :]
            self._carry_out(text, stamp, b"", output)
            self.rest_for = [len(log) > n for log, n in zip(output.logs, before, strict=True)]
            self.line = text = b""
        rest = text + newline
        for index, selected in enumerate(self.rest_for):
            if selected:
                output.logs[index] += rest
        if newline:
            self.rest_for = None

    def _carry_out(self, text: bytes, stamp: bytes, end: bytes, output: Output) -> None:
        """The actions for whole lines: `text`, with newlines between them, then `end`."""
        seen, hidden = text, stamp
        if stamp and not self.unseen:
            seen, hidden = stamp + text.replace(b"\n", b"\n" + stamp), b""
        statuses = logs = 0
        alerts: list[Judge] = []
        last_lines: list[tuple[int, int, bytes]] = []  # of a status file: where, which, what
        kept: bytes | None = None  # shared by all logs that keep the same lines
        kept_by: object = self  # no judge yet
        for kind, is_kept in self.steps:
            if kind == b"e":
                alerts.append(is_kept)
                continue
            if is_kept is not kept_by:
                kept, kept_by = self._select(seen, hidden, is_kept, end), is_kept
            if kind == b"/":
                if kept is not None:
                    output.logs[logs] += kept
                logs += 1
                continue
            if kept is not None:
                line = kept.removesuffix(end).rpartition(b"\n")[2]
                # Equal lines are kept or not together, so that this finds the one meant.
                where = (b"\n" + seen + b"\n").rfind(b"\n" + line[len(hidden) :] + b"\n")
                last_lines.append((where, statuses, line))
            statuses += 1
        for _where, index, line in sorted(last_lines):
            output.set_status(index, line)
        if alerts:
            output.alerts += b"".join(
                alert(hidden + line)
                for line in seen.split(b"\n")
                for is_kept in alerts
                if is_kept is None or is_kept(line[: LONGEST_JUDGED - self.unseen])
            )

    def _select(self, seen: bytes, hidden: bytes, is_kept: "Judge", end: bytes) -> bytes | None:
        """Those lines that are kept, with their stamps; None if there are none."""
        if is_kept is None:
            return hidden + seen.replace(b"\n", b"\n" + hidden) + end if hidden else seen + end
        lines, judged = seen.split(b"\n"), LONGEST_JUDGED - self.unseen
        if max(map(len, lines)) > judged:
            kept = [line for line in lines if is_kept(line[:judged])]
        else:
            kept = list(filter(is_kept, lines))
        return hidden + (b"\n" + hidden).join(kept) + end if kept else None
