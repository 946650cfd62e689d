"""The options of svc, setlock and softlimit: djb's getopt, as a pure function.

Options end at the first operand, so that `svc a -d` takes -d for a directory,
and a program in a chain never reads the options of the next one. A word that
begins with `--` ends the options and is skipped; a `-` alone is an operand. Letters may
be joined (`-dx`). The argument of a letter is the rest of its word
(`-m4000000`), or, if that is empty, the next word, whatever it looks like.

The first mistake ends the parsing. The options before it are valid, and softlimit
acts on them; so the mistake is a result, not an exception.
"""


def parse(argv: list[bytes], letters: bytes) -> tuple[list[tuple[bytes, bytes]], int, bytes | None]:
    """The options of `argv`, the index of the first operand, and the complaint or None.

    `letters` lists the options as getopt does: `b"am:"` is -a, and -m with an
    argument. An option is (letter, argument); a letter without one has an empty argument.
    The complaint is the line to print; the index then means nothing.

    >>> parse([b"softlimit", b"-ad", b"0", b"-m7", b"prog", b"-a"], b"ad:m:")
    ([(b'a', b''), (b'd', b'0'), (b'm', b'7')], 4, None)
    >>> parse([b"/usr/bin/svc", b"-dz"], b"ud")[2]
    b'svc: illegal option -- z'
    >>> parse([b"softlimit", b"-m"], b"m:")[2]
    b'softlimit: option requires an argument -- m'
    """
    options: list[tuple[bytes, bytes]] = []
    index = 1
    while index < len(argv) and argv[index].startswith(b"-") and argv[index] != b"-":
        word = argv[index]
        index += 1
        if word.startswith(b"--"):
            break
        position = 1
        while position < len(word):
            letter = word[position : position + 1]
            position += 1
            if letter == b":" or letter not in letters:
                return options, index, _complaint(argv[0], b"illegal option", letter)
            argument = b""
            if letter + b":" in letters:
                argument, position = word[position:], len(word)
                if not argument and index == len(argv):
                    what = b"option requires an argument"
                    return options, index, _complaint(argv[0], what, letter)
                if not argument:
                    argument = argv[index]
                    index += 1
            options.append((letter, argument))
    return options, index, None


def _complaint(program: bytes, what: bytes, letter: bytes) -> bytes:
    """The message for a mistake; it names the program by the base name of argv[0]."""
    return program.rpartition(b"/")[2] + b": " + what + b" -- " + letter
