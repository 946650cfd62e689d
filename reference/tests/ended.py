"""A program in a fork of the tests' process, in which calls can be made to fail."""

import errno
import importlib
import itertools
import os
import posix
import signal
import tempfile
from collections.abc import Callable
from types import ModuleType
from typing import Any

from daemontools.unix import start

Ended = tuple[int, str, str]  # exit code, output, messages
Change = Callable[[], object]  # of the modules of this process
REASON = ": input/output error\n"  # of a call that fails


def module_of(program: str) -> ModuleType:
    """The program's module."""
    return importlib.import_module(f"daemontools.programs.{program}")


def ended(command: str | list[str], change: Change = lambda: None, text: bytes = b"") -> Ended:
    """Run a program with `text` as its input, after the change."""
    name, *words = command.split() if isinstance(command, str) else command
    main = module_of(name).main
    with (
        tempfile.TemporaryFile() as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        given.write(text)
        given.seek(0)
        if (pid := os.fork()) == 0:
            files = [given.fileno(), out.fileno(), err.fileno()]
            _become(main, [name, *words], change, files)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = [(file.seek(0), file.read().decode())[1] for file in (out, err)]
    return code, said[0], said[1]


def _become(main: "start.Main", words: list[str], change: Change, files: list[int]) -> None:
    try:
        signal.alarm(20)  # which ends a program that would wait for ever
        signal.setitimer(signal.ITIMER_PROF, 2)  # and one that would work for ever
        for number, fd in enumerate(files):
            os.dup2(fd, number)
        change()
        start.call(main, [os.fsencode(word) for word in words])
    finally:
        os._exit(99)


def failing(
    program: str, name: str, *, after: int = 0, error: Exception | None = None
) -> Callable[[], None]:
    """A change: of this function one call fails, after so many that do not.

    The function is one of the program's module, of `resource` if the name says so, or of the
    system.
    """

    def change() -> None:
        module: Any = module_of(program)
        where, dot, function = name.rpartition(".")
        if dot:
            module = importlib.import_module(where)
        elif function not in vars(module):
            module = posix
        real, calls = getattr(module, function), itertools.count()

        def call(*words: Any, **named: Any) -> object:
            if next(calls) == after:
                raise error or OSError(errno.EIO, "")
            return real(*words, **named)

        setattr(module, function, call)

    return change


def failing_always(error: int) -> Callable[..., Any]:
    """A function that raises this error."""

    def call(*_words: object) -> object:
        raise OSError(error, "")

    return call


def saying(*words: object) -> Callable[..., None]:
    """A function that prints the words, and those that it is called with."""

    def say(*more: object) -> None:
        os.write(1, f"{' '.join(map(str, (*words, *more)))}\n".encode())

    return say
