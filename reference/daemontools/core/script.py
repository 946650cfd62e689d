"""The script of multilog: what each argument means.

The first character of an argument decides:

    t        stamp every line; only as the very first argument
    -P  +P   deselect, select the lines that match the pattern P
    e        print selected lines on standard error
    =F       keep the last selected line in the status file F
    sN  nN   largest file, number of files ...
    !P       processor ...                           for the directories that follow
    .  /     a log directory: append the selected lines

An argument with any other first character, and an empty argument, are ignored. The rest
of a word is not checked: `tango` is `t`, and `snafu` sets a size.
Clauses: multilog/script/...
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Kind and operand, in the order of the script: (b"-", pattern), (b"+", pattern),
    # (b"e", b""), (b"=", file), (b"/", directory).
    Action = tuple[bytes, bytes]
    # Directory, largest size of a file in bytes, number of files, processor or None.
    Log = tuple[bytes, int, int, bytes | None]

SIZE, SMALLEST, LARGEST = 99999, 4096, 16777215  # bytes in a file: default and bounds
NUMBER, FEWEST = 10, 2  # files, `current` included: default and lower bound

# Numbers wrap as an unsigned long in C does. Since 2^64 divides 10^64, only the last
# 64 digits matter.
_WRAP, _LAST_DIGITS = 2**64, 64


def parse(arguments: list[bytes]) -> "tuple[bool, list[Action], list[Log]]":
    """Does multilog stamp lines? What is done to each line? To which directories?

    The n-th entry of the third result belongs to the n-th action (b"/", ...) of the second.

    >>> parse([b"t", b"-*", b"+* fatal: *", b"s5000", b"./main", b"!gzip", b"n0", b"/var/log/all"])
    ... # doctest: +NORMALIZE_WHITESPACE
    (True,
     [(b'-', b'*'), (b'+', b'* fatal: *'), (b'/', b'./main'), (b'/', b'/var/log/all')],
     [(b'./main', 5000, 10, None), (b'/var/log/all', 5000, 2, b'gzip')])
    """
    actions: list[Action] = []
    logs: list[Log] = []
    size, number, processor = SIZE, NUMBER, None
    for argument in arguments:
        kind, operand = argument[:1], argument[1:]
        if kind == b"s":
            size = min(max(_leading_number(operand), SMALLEST), LARGEST)
        elif kind == b"n":
            number = max(_leading_number(operand), FEWEST)
        elif kind == b"!":
            processor = operand
        elif kind in (b".", b"/"):
            actions.append((b"/", argument))
            logs.append((argument, size, number, processor))
        elif kind in (b"-", b"+", b"="):
            actions.append((kind, operand))
        elif kind == b"e":
            actions.append((kind, b""))
    return bool(arguments) and arguments[0][:1] == b"t", actions, logs


def _leading_number(text: bytes) -> int:
    """The decimal digits at the start of `text` as a number; 0 if there are none.

    >>> _leading_number(b"4096x7"), _leading_number(b"nafu"), _leading_number(b"-5")
    (4096, 0, 0)
    """
    digits = text[: len(text) - len(text.lstrip(b"0123456789"))]
    return int(digits[-_LAST_DIGITS:]) % _WRAP if digits else 0
