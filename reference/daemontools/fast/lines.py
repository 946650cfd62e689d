"""What multilog does with its input, a block at a time: the fast path.

Read `core/lines.py` to learn what happens; this module does the same, quickly.
Python's interpreter is slow, but its byte strings and regular expressions are not,
so a log executes no statement of Python for each line.

* A block is cut at its last newline. Before it are whole lines; after it
  begins a line, which waits.
* All lines that begin in a block have the same stamp. Stamping is one
  replacement of each newline by a newline and the stamp.
* The patterns before an action become one regular expression that matches the
  lines that are kept, and `filter` finds these lines.
* Since a star never looks back, most patterns treat all stamps alike, whatever
  the digits: `beyond_stamp` gives the rest of such a pattern. If all patterns are
  like that, they judge the lines without stamps, which is much faster.

The regular expressions are made when the program starts, so that lack of memory
shows before anything has been read. If a block fails all the same, nothing has
changed: it can be fed again, whole or in pieces.
"""

from daemontools.core.lines import LONGEST_JUDGED, Output, alert, is_selected

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from daemontools.core.script import Action

    # Is this line (its first 1000 characters) kept? None: every line is.
    Judge = Callable[[bytes], object] | None

STAMP = b"@" + b"0" * 24 + b" "  # a 0 means any digit
DIGITS = b"0123456789abcdef"


def beyond_stamp(pattern: bytes) -> bytes | None:
    """The rest of the pattern, for the text after a stamp; None: no line can match.

    Raises ValueError if the rest depends on the digits of the stamp.

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
        if character in DIGITS and (is_star or STAMP[position] in DIGITS):
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
    r"""A regular expression that matches a whole line if and only if the pattern does.

    A star before the character c becomes [^c]*+, which, like multilog's star, never gives
    anything back.

    >>> expression(b"a*: b*")
    b'a[^:]*+:\\ b'
    """
    import re  # takes 6 ms, and most logs have no patterns; nothing has been read yet

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
    r"""A function that says whether these patterns together keep a line.

    The last pattern that matches decides, so it is the first alternative of an
    atomic group, which never tries a second one. An alternative for `+` goes on
    to the end of the line, and one for `-` stays at its beginning; then \Z tests
    for the end. An empty line begins where it ends, so it is judged in advance.
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
    """The actions other than patterns, each with the judge of the lines that it acts on."""
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
    """The same for lines without stamps. Raises ValueError if a pattern needs a stamp's digits."""
    rest: list[Action] = []
    for kind, operand in actions:
        left = beyond_stamp(operand) if kind in (b"-", b"+") else operand
        if left is not None:
            rest.append((kind, left))
    return judges(rest)


class Selection:
    """Turns blocks of input into outputs, as `core.lines.Lines` does."""

    def __init__(self, actions: "list[Action]", *, is_stamped: bool) -> None:
        self.is_stamped = is_stamped
        self.actions = actions
        # The actions, in order: (b"e" or b"=" or b"/", the judge of its lines); and how many
        # characters at the start of a line the judges do not see.
        self.stamp_bytes = self.unseen = len(STAMP) if is_stamped else 0
        try:
            self.steps = judges_beyond_stamp(actions) if is_stamped else judges(actions)
        except ValueError:
            self.steps, self.unseen = judges(actions), 0
        # A line that has begun and has not been judged, stamp included. Empty: there is none.
        self.line = b""
        # For a line that was judged before its end: which logs get the rest.
        self.rest_for: list[bool] | None = None

    def memory_per_byte(self) -> int:
        """The most memory, in bytes, that one byte of a block can need.

        The worst block is all newlines, each of which gets a stamp. The figures are measured
        and rounded up (reference/tests/test_fast_lines.py).
        """
        return 350 + 130 * len(self.steps)

    def feed(self, block: bytes, label: bytes) -> Output:
        """What a block of input leads to; `label` stamps the lines that begin in it.

        An exception (MemoryError) changes nothing.
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
        """Continue the line that has begun with `text`; `newline` is empty or ends the line."""
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
        """Carry out the actions for whole lines: `text`, with newlines between lines, and `end`."""
        seen, hidden = text, stamp
        if stamp and not self.unseen:
            seen, hidden = stamp + text.replace(b"\n", b"\n" + stamp), b""
        statuses = logs = 0
        alerts: list[Judge] = []
        last_lines: list[tuple[int, int, bytes]] = []  # position, number of the status file, line
        kept: bytes | None = None  # shared by all logs that keep the same lines
        kept_by: object = self  # any value that is not a judge
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
                # Equal lines are all kept or all not, so the last equal one is the right one.
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
        """The lines that are kept, with their stamps; None if there are none."""
        if is_kept is None:
            return hidden + seen.replace(b"\n", b"\n" + hidden) + end if hidden else seen + end
        lines, judged = seen.split(b"\n"), LONGEST_JUDGED - self.unseen
        if max(map(len, lines)) > judged:
            kept = [line for line in lines if is_kept(line[:judged])]
        else:
            kept = list(filter(is_kept, lines))
        return hidden + (b"\n" + hidden).join(kept) + end if kept else None
