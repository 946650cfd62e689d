"""messages: usage, and where messages go."""

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import answer_of
from daemontools_conformance.helpers.samples import SAMPLES, call, each, each_program, is_as_ever
from daemontools_conformance.running.processes import Finished
from daemontools_conformance.running.sandbox import Argument, Sandbox

SVC = (
    b"svc options: u up, d down, o once, x exit, p pause, c continue,"
    b" h hup, a alarm, i interrupt, t term, k kill\n"
)
SETLOCK = b"setlock: usage: setlock [ -nNxX ] file program [ arg ... ]\n"
SOFTLIMIT = (
    b"softlimit: usage: softlimit [-a allbytes] [-c corebytes] [-d databytes] [-f filebytes]"
    b" [-l lockbytes] [-m membytes] [-o openfiles] [-p processes] [-r residentbytes]"
    b" [-s stackbytes] [-t cpusecs] child\n"
)
USAGE = {
    "supervise": b"supervise: usage: supervise dir\n",
    "svok": b"svok: usage: svok dir\n",
    "readproctitle": b"",
    "fghack": b"fghack: usage: fghack child\n",
    "pgrphack": b"pgrphack: usage: pgrphack child\n",
    "setuidgid": b"setuidgid: usage: setuidgid account child\n",
    "envuidgid": b"envuidgid: usage: envuidgid account child\n",
    "envdir": b"envdir: usage: envdir dir child\n",
    "softlimit": SOFTLIMIT,
    "setlock": SETLOCK,
}
# Programs that need two operands -> the first of them.
FIRST = {"setuidgid": "nobody", "envuidgid": "nobody", "envdir": "env", "setlock": "lock"}
LOCALES = ["C", "POSIX", "C.UTF-8", "de_DE.UTF-8", "ja_JP.eucJP", "nonsense", ""]


def check_usage(program: str, answer: Finished) -> None:
    """The line alone, and 100; envdir's code has a clause of its own."""
    code = answer.code if program == "envdir" else 100
    assert answer_of(answer) == (code, b"", USAGE[program])


@clause("messages/usage/line")
@pytest.mark.parametrize("program", USAGE)
def test_call_without_operands(sandbox: Sandbox, program: str) -> None:
    check_usage(program, sandbox.run(program))


@clause("messages/usage/line")
@pytest.mark.parametrize("program", FIRST)
def test_call_without_the_second_operand(sandbox: Sandbox, program: str) -> None:
    check_usage(program, sandbox.run(program, FIRST[program]))


@clause("messages/usage/illegal-option")
@pytest.mark.parametrize(
    ("program", "usage"), [("svc", SVC), ("setlock", SETLOCK), ("softlimit", SOFTLIMIT)]
)
def test_an_illegal_option_is_named(sandbox: Sandbox, program: str, usage: bytes) -> None:
    answer = sandbox.run(program, "-z", "x", "y")
    first = f"{program}: illegal option -- z\n".encode()
    assert answer_of(answer) == (100, b"", first + usage)


@clause("messages/usage/missing-argument")
@pytest.mark.parametrize("letter", [*"acdflmoprst"])
def test_option_without_its_argument(sandbox: Sandbox, letter: str) -> None:
    answer = sandbox.run("softlimit", f"-{letter}")
    first = f"softlimit: option requires an argument -- {letter}\n".encode()
    assert answer_of(answer) == (100, b"", first + SOFTLIMIT)


@clause("messages/usage/name-as-called")
@pytest.mark.parametrize(
    ("program", "usage"), [("svc", SVC), ("setlock", SETLOCK), ("softlimit", SOFTLIMIT)]
)
def test_name_by_which_it_was_called(sandbox: Sandbox, program: str, usage: bytes) -> None:
    file = sandbox.file(program)
    (sandbox.path / "other").symlink_to(file)
    words: list[Argument] = ["./other", "-z", "x", "y"]
    answer = sandbox.start_command(words).wait()
    assert answer_of(answer) == (100, b"", b"other: illegal option -- z\n" + usage)


@clause("messages/usage/name-as-called")
def test_name_by_which_it_was_called_without_an_argument(sandbox: Sandbox) -> None:
    (sandbox.path / "other").symlink_to(sandbox.file("softlimit"))
    answer = sandbox.start_command(["./other", "-m"]).wait()
    first_line = b"other: option requires an argument -- m\n"
    assert answer_of(answer) == (100, b"", first_line + SOFTLIMIT)


@clause("messages/locale/irrelevant")
@each_program
def test_locale_does_not_matter(sandbox: Sandbox, program: str) -> None:
    usual = call(sandbox, program)
    for locale in LOCALES:
        variables = {"LC_ALL": locale, "LANG": locale, "LANGUAGE": "de:fr", "LC_MESSAGES": locale}
        answer = call(sandbox, program, env={**sandbox.environment, **variables})
        assert is_as_ever(program, answer, usual), (locale, answer)


@clause("messages/stderr/full")
@each([program for program, sample in SAMPLES.items() if sample.code])
@needs("/dev/full")
def test_message_that_cannot_be_written(sandbox: Sandbox, program: str) -> None:
    with open("/dev/full", "wb") as full:
        answer = call(sandbox, program, stderr=full)
    assert answer.code == SAMPLES[program].code


@clause("messages/stderr/only")
@each([program for program, sample in SAMPLES.items() if sample.err or program == "svstat"])
def test_message_goes_to_standard_error(sandbox: Sandbox, program: str) -> None:
    answer = call(sandbox, program)
    assert bool(answer.out) == (program == "svstat")
    assert bool(answer.err) != (program == "svstat")
