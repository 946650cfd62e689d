"""Arguments and environments near the limits of Linux: 128 KB for a word, 2 MB for all."""

import os

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import (
    answer_of,
    each_runner,
    run_through,
)
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.readproctitle.screens import arguments, reading
from daemontools_conformance.tests.svc.handmade import service

LONG = 131_071  # bytes of a word that every system takes, without the NUL at its end
LONGEST = 32 * os.sysconf("SC_PAGE_SIZE") - 1  # the longest that Linux takes


@clause("exec/child/longest-argument")
@each_runner
def test_an_argument_and_a_variable_of_128_kilobytes(sandbox: Sandbox, runner: str) -> None:
    variable = "V" * 10 + "=" + "y" * (LONG - 11)
    sandbox.write("counts", "echo ${#1} ${#VVVVVVVVVV}")
    words = ["/bin/sh", "counts", "x" * LONG]
    answer = run_through(sandbox, runner, *words, prepare=["--environ-entry", variable])
    assert answer_of(answer) == (0, b"%d %d\n" % (LONG, LONG - 11), b"")


@clause("exec/child/many-arguments")
@needs("linux")
@each_runner
def test_many_arguments_of_a_megabyte_and_a_half(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("counts", "echo $#")
    words = ["/bin/sh", "counts", *["x" * 99] * 15_000]
    answer = run_through(sandbox, runner, *words, prepare=["--limit", "STACK=8388608"])
    assert answer_of(answer) == (0, b"15000\n", b"")


@clause("envdir/set/largest")
@needs("linux")
def test_the_largest_value_and_one_byte_more(sandbox: Sandbox) -> None:
    file = sandbox.write("env/V", b"x" * (LONGEST - 2))
    entry = next(e for e in child(sandbox, "envdir", "env").environment if e[:2] == b"V=")
    assert len(entry) == LONGEST
    file.write_bytes(b"x" * (LONGEST - 1))
    answer = sandbox.run("envdir", "env", "/bin/true")
    assert (answer.code, answer.err != b"") == (111, True)


@clause("svc/letters/duplicates")
@needs("linux")
def test_the_longest_word_of_options(sandbox: Sandbox) -> None:
    with service(sandbox) as control:
        assert sandbox.run("svc", "-" + "ud" * (LONGEST // 2), "s").code == 0
        assert control.read() == b"ud"


@clause("readproctitle/screen/longest")
@needs("linux")
def test_the_longest_screen(sandbox: Sandbox) -> None:
    title = reading(sandbox, "errors:", "." * LONGEST)
    title.write(b"abc")
    eventually(lambda: arguments(title)[-1] == b"." * (LONGEST - 3) + b"abc")


PASSED_ON = {"svok": [], "svstat": [], "supervise": [], "svc": ["-u"]}


@clause("process/bytes/longest-operand")
@pytest.mark.parametrize("program", PASSED_ON)
def test_the_longest_operand_is_shown_whole(sandbox: Sandbox, program: str) -> None:
    name = b"n" * LONG
    answer = sandbox.run(program, *PASSED_ON[program], name)
    assert (answer.out + answer.err).count(name) == 1
