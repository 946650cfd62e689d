"""Change the state of a process, then execute a program in it.

    prepare.py [OPTION VALUE]... -- FILE ARGV0 [ARGUMENT]...

    --block SIG        block a signal (TERM, or a number)
    --ignore SIG       ignore a signal
    --default SIG      reset a signal to its default
    --close FD         close a descriptor
    --open FD          open /dev/null as this descriptor, inheritable
    --umask OCTAL      set the umask
    --nice N           raise the nice value
    --limit NAME=N     set a soft limit: AS, CORE, CPU, DATA, FSIZE, NOFILE, NPROC, STACK ...
    --hard-limit NAME=N  set the soft and the hard limit
    --groups GID,GID   take these supplementary groups
    --user UID:GID     become this user with this one group (last)
    --environ-entry S  add S to the block as it is (duplicates and entries without "=" too)
    --empty-environ    start with an empty block

The program gets exactly the environment block that this process got, with those
changes. Run this file as `python -ISXutf8 prepare.py`. It restores what CPython
changes (PIPE, XFSZ, INT, LC_CTYPE).
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

_COERCED = [b"LC_CTYPE=C.UTF-8", b"LC_CTYPE=C.utf8", b"LC_CTYPE=UTF-8"]
_LIBC = ctypes.CDLL(None, use_errno=True)  # load it before limits and descriptors prevent that


def _number(name: str) -> int:
    return int(name) if name.isdigit() else int(getattr(signal, f"SIG{name}"))


def _block() -> list[bytes]:
    """The block that this process got, entry by entry."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return file.read().split(b"\0")[:-1]
    except FileNotFoundError:
        return _block_of_library()


def _block_of_library() -> list[bytes]:
    """The C library's environment, without the locale that CPython has appended (PEP 538)."""
    entries = ctypes.POINTER(ctypes.c_char_p).in_dll(_LIBC, "environ")
    block: list[bytes] = []
    while entry := entries[len(block)]:
        block.append(entry)
    return block[:-1] if block and block[-1] in _COERCED else block


def _open(fd: int) -> None:
    os.dup2(os.open("/dev/null", os.O_RDWR), fd)
    os.set_inheritable(fd, True)  # noqa: FBT003 - the open may have got this number


def _limit(text: str, *, hard: bool) -> None:
    name, _, amount = text.partition("=")
    which = getattr(resource, f"RLIMIT_{name}")
    resource.setrlimit(which, (int(amount), int(amount) if hard else resource.getrlimit(which)[1]))


def _become(text: str) -> None:
    uid, _, gid = text.partition(":")
    os.setgroups([int(gid)])
    os.setgid(int(gid))
    os.setuid(int(uid))


# option -> what it does with its value
CHANGES: dict[str, Callable[[str], object]] = {
    "--block": lambda name: signal.pthread_sigmask(signal.SIG_BLOCK, [_number(name)]),
    "--ignore": lambda name: signal.signal(_number(name), signal.SIG_IGN),
    "--default": lambda name: signal.signal(_number(name), signal.SIG_DFL),
    "--close": lambda fd: os.close(int(fd)),
    "--open": lambda fd: _open(int(fd)),
    "--umask": lambda octal: os.umask(int(octal, 8)),
    "--groups": lambda ids: os.setgroups([int(word) for word in ids.split(",")]),
    "--nice": lambda by: os.nice(int(by)),
    "--limit": lambda text: _limit(text, hard=False),
    "--hard-limit": lambda text: _limit(text, hard=True),
    "--user": _become,
}


def change(options: list[str], block: list[bytes]) -> list[bytes]:
    """Apply the options in order to this process, and return the changed environment block."""
    options = list(options)
    while options:
        option = options.pop(0)
        if option == "--empty-environ":
            block = []
        elif option == "--environ-entry":
            block.append(os.fsencode(options.pop(0)))
        elif option in CHANGES:
            CHANGES[option](options.pop(0))
        else:
            sys.exit(f"prepare: unknown option {option}")
    return block


def execve(file: bytes, argv: list[bytes], block: list[bytes]) -> None:
    """Make the system call directly: os.execve refuses blocks that the kernel accepts."""
    arguments = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    environment = (ctypes.c_char_p * (len(block) + 1))(*block, None)
    _LIBC.execve(file, arguments, environment)
    code = ctypes.get_errno()
    sys.exit(f"prepare: unable to run {file!r}: {os.strerror(code)}")


def main() -> None:
    """Apply the options, then execute the program."""
    words = sys.argv[1:]
    end = words.index("--")
    options, file, argv = words[:end], words[end + 1], words[end + 2 :]
    for name in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    block = change(options, _block())
    execve(os.fsencode(file), [os.fsencode(word) for word in argv], block)


if __name__ == "__main__":
    main()
