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
    --groups GID,GID   have these supplementary groups
    --user UID:GID     become this user with this one group (last)
    --environ-entry S  add S to the block as it is (duplicates and entries without "=" too)
    --empty-environ    start the block from nothing

The environment of the result is exactly the block this process got, with the
changes asked for. It runs as `python -ISXutf8 prepare.py`, and puts back what
CPython changes (PIPE, XFSZ, INT, LC_CTYPE).
"""

import ctypes
import os
import resource
import signal
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded before limits and descriptors forbid it


def _number(name: str) -> int:
    return int(name) if name.isdigit() else int(getattr(signal, f"SIG{name}"))


def _block() -> list[bytes]:
    with open("/proc/self/environ", "rb") as file:
        return file.read().split(b"\0")[:-1]


def change(options: list[str], block: list[bytes]) -> list[bytes]:
    """Apply the options in order to this process; the environment block after them."""
    options = list(options)
    while options:
        option = options.pop(0)
        value = "" if option == "--empty-environ" else options.pop(0)
        if option == "--block":
            signal.pthread_sigmask(signal.SIG_BLOCK, [_number(value)])
        elif option == "--ignore":
            signal.signal(_number(value), signal.SIG_IGN)
        elif option == "--default":
            signal.signal(_number(value), signal.SIG_DFL)
        elif option == "--close":
            os.close(int(value))
        elif option == "--open":
            os.dup2(os.open("/dev/null", os.O_RDWR), int(value))
            os.set_inheritable(int(value), True)  # noqa: FBT003 - the open may have got this number
        elif option == "--umask":
            os.umask(int(value, 8))
        elif option == "--groups":
            os.setgroups([int(word) for word in value.split(",")])
        elif option == "--nice":
            os.nice(int(value))
        elif option == "--limit":
            name_, _, amount = value.partition("=")
            which = getattr(resource, f"RLIMIT_{name_}")
            resource.setrlimit(which, (int(amount), resource.getrlimit(which)[1]))
        elif option == "--hard-limit":
            name_, _, amount = value.partition("=")
            resource.setrlimit(getattr(resource, f"RLIMIT_{name_}"), (int(amount), int(amount)))
        elif option == "--user":
            uid, _, gid = value.partition(":")
            os.setgroups([int(gid)])
            os.setgid(int(gid))
            os.setuid(int(uid))
        elif option == "--environ-entry":
            block.append(os.fsencode(value))
        elif option == "--empty-environ":
            block = []
        else:
            sys.exit(f"prepare: unknown option {option}")
    return block


def execve(file: bytes, argv: list[bytes], block: list[bytes]) -> None:
    """The system call itself: os.execve refuses blocks that the kernel accepts."""
    arguments = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    environment = (ctypes.c_char_p * (len(block) + 1))(*block, None)
    _LIBC.execve(file, arguments, environment)
    code = ctypes.get_errno()
    sys.exit(f"prepare: unable to run {file!r}: {os.strerror(code)}")


def main() -> None:
    """Apply the options; then execute."""
    words = sys.argv[1:]
    end = words.index("--")
    options, file, argv = words[:end], words[end + 1], words[end + 2 :]
    for name in (signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(name, signal.SIG_DFL)
    block = change(options, _block())
    execve(os.fsencode(file), [os.fsencode(word) for word in argv], block)


if __name__ == "__main__":
    main()
