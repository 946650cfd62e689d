"""process: variables, files and descriptors that must not matter."""

import os
from collections.abc import Iterable
from itertools import combinations

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import (
    RUNNERS,
    arguments_before_child,
    each_chain_program,
    each_runner,
    record_of_child,
)
from daemontools_conformance.helpers.samples import SAMPLES, call, each, each_program, is_as_ever
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.record import by_name, descriptors_to
from daemontools_conformance.running.sandbox import Argument, Sandbox

HOSTILE = {
    **{f"PYTHON{name}": "1" for name in ("DEBUG", "INSPECT", "OPTIMIZE", "VERBOSE", "UTF8")},
    **dict.fromkeys(("PYTHONHOME", "PYTHONPLATLIBDIR", "PYTHONEXECUTABLE"), "/nowhere"),
    **dict.fromkeys(("PYTHONPATH", "PYTHONUSERBASE", "PYTHONPYCACHEPREFIX"), "traps"),
    "__PYVENV_LAUNCHER__": "/nowhere",
    "PYTHONSTARTUP": "traps/os.py",
    "PYTHONIOENCODING": "ascii:strict",
    "PYTHONWARNINGS": "error",
    "PYTHONMALLOC": "nonsense",
    "PYTHONHASHSEED": "nonsense",
    "PYTHONBREAKPOINT": "trap.trap",
    "PYTHONCOERCECLOCALE": "warn",
    "PYTHONDEVMODE": "1",
    "PYTHONTRACEMALLOC": "1",
    "PYTHONPROFILEIMPORTTIME": "1",
    "PERL5OPT": "-Mtrap",
    "RUBYOPT": "-rtrap",
    "NODE_OPTIONS": "--require ./trap",
    "ENV": "traps/env.sh",
    "BASH_ENV": "traps/env.sh",
}

TRAPS = (
    *("sitecustomize.py", "usercustomize.py", "__init__.py", "__main__.py", "encodings.py"),
    *("os.py", "sys.py", "signal.py", "errno.py", "fcntl.py", "resource.py", "pwd.py"),
    *("posixpath.py", "stat.py", "codecs.py", "re.py", "time.py", "select.py", "struct.py"),
    *("daemontools/__init__.py", "daemontools/unix/start.py", "supervise.py", "encodings/utf_8.py"),
)


def _set_traps(sandbox: Sandbox, folder: str) -> None:
    for name in TRAPS:
        sandbox.write(
            f"{folder}/{name}", "open('TRAPPED', 'w').close(); raise SystemExit('trap')\n"
        )
    sandbox.write(f"{folder}/env.sh", "echo trap; : >TRAPPED\n")


@clause("process/variables/interpreter")
@each_program
def test_variables_of_interpreters_change_nothing(sandbox: Sandbox, program: str) -> None:
    usual = call(sandbox, program)
    _set_traps(sandbox, "traps")
    answer = call(sandbox, program, env={**sandbox.environment, **HOSTILE})
    assert is_as_ever(program, answer, usual), answer
    assert not (sandbox.path / "TRAPPED").exists()


HIJACK = """\
import posix
posix.close(posix.open("TRAPPED", posix.O_CREAT | posix.O_WRONLY))
posix._exit(66)
"""


@clause("process/variables/interpreter-path")
@each_program
@pytest.mark.parametrize("variable", ["PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"])
def test_a_library_beside_the_interpreter_that_a_variable_names(
    sandbox: Sandbox, program: str, variable: str, variant: str
) -> None:
    usual = call(sandbox, program)
    sandbox.write("traps/encodings/__init__.py", HIJACK)
    sandbox.write("traps/python._pth", f"{sandbox.path}/traps\n")
    environment = {**sandbox.environment, variable: f"{sandbox.path}/traps/python"}
    answer = call(sandbox, program, env=environment)
    is_trapped = (sandbox.path / "TRAPPED").exists()
    assert is_trapped == (variant == "python")
    assert answer.code == 66 if is_trapped else is_as_ever(program, answer, usual)


@clause("process/files/working-directory")
@each_program
def test_files_in_the_working_directory_change_nothing(sandbox: Sandbox, program: str) -> None:
    usual = call(sandbox, program)
    _set_traps(sandbox, ".")
    sandbox.write("pyvenv.cfg", "home = /nowhere\ninclude-system-site-packages = true\n")
    answer = call(sandbox, program)
    assert is_as_ever(program, answer, usual), answer
    assert not (sandbox.path / "TRAPPED").exists()


# They open `.`, or a file there.
NEED_A_FILE = ("svc", "svstat", "multilog", "envdir", "setlock")


@clause("process/files/removed-working-directory")
@each([program for program in SAMPLES if program not in NEED_A_FILE])
def test_working_directory_may_be_gone(sandbox: Sandbox, program: str) -> None:
    sandbox.argv(program)  # raises NotOffered, ProgramMissing
    (sandbox.path / "gone").mkdir()
    file = os.path.relpath(sandbox.implementation.folder / program, sandbox.path / "gone")
    # A runner runs another one, so that it has a reason to look where its relatives are.
    arguments = [*SAMPLES[program].arguments]
    if program in RUNNERS:
        before = arguments_before_child(sandbox, program)
        arguments = [*before, "pgrphack", "/usr/bin/printf", "yes"]
    usual = call(sandbox, program)
    remove = 'cd gone && rmdir ../gone && exec "$@"'
    words = ["/bin/sh", "-c", remove, "sh", file, *arguments]
    with open(sandbox.path / "sample.input", "rb") as stdin:
        answer = sandbox.start_command(words, stdin=stdin).wait()
    assert is_as_ever(program, answer, usual), answer


@clause("process/bytes/operands")
@each(["svscan", "supervise", "svc", "svok"])
@pytest.mark.parametrize("locale", ["C", "C.UTF-8", "xx_YY.ISO-8859-1", ""])
def test_operands_are_bytes(sandbox: Sandbox, program: str, locale: str) -> None:
    name = b"\xff\xc3\xa9 \x80\n"
    options: list[Argument] = ["-u"] if program == "svc" else []
    environment = {**sandbox.environment, "LC_ALL": locale}
    answer = sandbox.run(program, *options, name, env=environment)
    head = f"{program}: {'warning' if options else 'fatal'}: unable to chdir to ".encode()
    assert answer.err == head + name + b": file does not exist\n"
    folder = sandbox.write(name + b"/supervise").parent
    (folder / "a").symlink_to("nowhere")
    entered = sandbox.start(program, *options, name, env=environment)
    why = b" a: file does not exist\n" if program == "svscan" else b": not a directory\n"
    eventually(lambda: entered.err.endswith(why), what="it finds what is in the directory")


# Without these descriptors these programs cannot do their work, and say so by their code.
NEEDED = {"tai64n": {0, 1}, "tai64nlocal": {0, 1}, "readproctitle": {0}}
COMBINATIONS = [some for count in (1, 2, 3) for some in combinations((0, 1, 2), count)]


@clause("process/descriptors/closed")
@each([program for program in SAMPLES if program not in RUNNERS])
@pytest.mark.parametrize("closed", COMBINATIONS, ids=str)
def test_closed_descriptors_do_not_matter(
    sandbox: Sandbox, program: str, closed: tuple[int, ...]
) -> None:
    options = [word for fd in closed for word in ("--close", str(fd))]
    answer = call(sandbox, program, prepare=options)
    lacking = NEEDED.get(program, set()) & set(closed)
    assert answer.code == (111 if lacking else SAMPLES[program].code)


def _given(runner: str, block: Iterable[bytes]) -> tuple[bytes, ...]:
    """The block, with what envuidgid adds for the user that we are left out."""
    return tuple(
        entry
        for entry in block
        if not (runner == "envuidgid" and entry.startswith((b"UID=", b"GID=")))
    )


@clause("process/variables/handed-on")
@each_runner
def test_variables_of_interpreters_reach_the_child(sandbox: Sandbox, runner: str) -> None:
    block = [f"{name}={value}".encode() for name, value in HOSTILE.items()]
    options = ["--empty-environ", *(word for e in block for word in ("--environ-entry", e))]
    child = record_of_child(sandbox, runner, *options)
    assert _given(runner, child.environment) == by_name(block)


@clause("process/variables/block")
@each_runner
def test_block_is_handed_on_as_it_is(sandbox: Sandbox, runner: str) -> None:
    block = [b"B=2", b"A=1", b"B=3", b"odd", b"", b"=", b"=x", b"==", b"\xff=\x80", b"A=1", b"C=\n"]
    options = ["--empty-environ", *(word for e in block for word in ("--environ-entry", e))]
    child = record_of_child(sandbox, runner, *options)
    assert _given(runner, child.environment) == by_name(block)


@clause("process/variables/locale")
@each_runner
@pytest.mark.parametrize(
    "block",
    [
        [],
        [b"LC_ALL=C"],
        [b"LANG=C", b"A=1"],
        [b"LC_ALL=xx_YY.nonsense"],
        [b"LC_CTYPE=", b"A=1", b"LC_CTYPE=POSIX"],
    ],
    ids=["none", "C", "LANG C", "invalid", "two"],
)
def test_locale_is_none_of_their_business(
    sandbox: Sandbox, runner: str, block: list[bytes]
) -> None:
    options = ["--empty-environ", *(word for e in block for word in ("--environ-entry", e))]
    child = record_of_child(sandbox, runner, *options)
    assert _given(runner, child.environment) == by_name(block)


@clause("process/descriptors/closed-for-child")
@each_chain_program
@pytest.mark.parametrize("closed", COMBINATIONS, ids=str)
def test_closed_descriptors_stay_closed(
    sandbox: Sandbox, runner: str, closed: tuple[int, ...]
) -> None:
    options = [word for fd in closed for word in ("--close", str(fd))]
    child = record_of_child(sandbox, runner, *options)
    lock = sandbox.path / "free.lock"
    held = {*descriptors_to(child, lock)} if runner == "setlock" else set()
    assert set(child.descriptors) - held == {0, 1, 2} - set(closed)
    assert len(held) == (runner == "setlock")


@clause("process/descriptors/handed-on")
@each_runner
def test_open_descriptors_stay_open(sandbox: Sandbox, runner: str) -> None:
    child = record_of_child(sandbox, runner, "--open", "40", "--open", "99")
    assert {child.descriptors.get(fd) for fd in (40, 99)} == {"/dev/null"}
    close_on_exec = 0o2000000
    assert not any(int(child.descriptor_flags[fd], 8) & close_on_exec for fd in (40, 99))
