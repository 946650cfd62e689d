"""chain: how the next program is found, and what happens if one of them cannot go on."""

import os

import pytest

from daemontools_conformance.marks import clause, needs
from daemontools_conformance.patience import eventually
from daemontools_conformance.processes import is_asleep
from daemontools_conformance.record import record
from daemontools_conformance.sandbox import Sandbox, Word
from daemontools_conformance.tests.runners import answer_of, refusal


@clause("chain/path/one-step-later")
def test_new_path_counts_one_step_later(sandbox: Sandbox) -> None:
    sandbox.script("b/prog", "echo yes")
    sandbox.write("env/PATH", "b\n")
    at_once = sandbox.run("envdir", "env", "prog")
    later = sandbox.run("envdir", "env", "pgrphack", "prog")
    assert answer_of(at_once) == refusal("envdir", "prog", "file does not exist")
    assert answer_of(later) == (0, b"yes\n", b"")


@clause("chain/path/foreign-program")
def test_foreign_program_of_that_name_is_run(sandbox: Sandbox) -> None:
    sandbox.script("mine/envdir", 'echo mine "$@"')
    path = {"PATH": f"mine:{sandbox.implementation.path}"}
    along_path = sandbox.run("pgrphack", "envdir", "x", "y", env=path)
    by_name = sandbox.run("pgrphack", "mine/envdir", "x", "y")
    assert answer_of(along_path) == (0, b"mine x y\n", b"")
    assert answer_of(by_name) == (0, b"mine x y\n", b"")


@clause("chain/path/word-is-no-program")
def test_operand_that_looks_like_a_program(sandbox: Sandbox) -> None:
    sandbox.write("setlock/X", "1")
    answer = sandbox.run("envdir", "setlock", "echo", "softlimit", "/bin/envdir")
    assert answer_of(answer) == (0, b"softlimit /bin/envdir\n", b"")


@clause("chain/error/own-message")
def test_error_is_that_of_the_program_in_the_middle(sandbox: Sandbox) -> None:
    answer = sandbox.run("pgrphack", "softlimit", "-c", "0", "envdir", "nowhere", "true")
    message = b"envdir: fatal: unable to switch to directory nowhere: file does not exist\n"
    assert answer_of(answer) == (111, b"", message)
    last = sandbox.run("pgrphack", "setlock", "lock", "nothing")
    assert answer_of(last) == refusal("setlock", "nothing", "file does not exist")


@clause("chain/error/usage")
def test_usage_error_is_that_of_the_program_in_the_middle(sandbox: Sandbox) -> None:
    envdir = sandbox.run("pgrphack", "envdir", "x")
    setlock = sandbox.run("pgrphack", "setlock", "-q")
    assert answer_of(envdir) == (111, b"", b"envdir: usage: envdir dir child\n")
    assert (setlock.code, setlock.out) == (100, b"")
    assert setlock.err.startswith(b"setlock: illegal option -- q\nsetlock: usage: ")


@clause("chain/error/earlier-effects")
def test_what_was_done_before_the_error_is_done(sandbox: Sandbox) -> None:
    answer = sandbox.run("setlock", "lock", "pgrphack", "envdir", "nowhere", "true")
    assert answer.code == 111
    assert (sandbox.path / "lock").exists()


@clause("chain/error/closed-to-user")
@needs("root")
def test_program_that_the_new_user_may_not_execute(sandbox: Sandbox) -> None:
    file, _ = sandbox.argv("pgrphack")
    closed = sandbox.path / "closed"
    closed.mkdir()
    (closed / "pgrphack").symlink_to(file)
    closed.chmod(0o700)
    as_root = sandbox.run("setuidgid", "root", "closed/pgrphack", "/bin/echo", "yes")
    as_nobody = sandbox.run("setuidgid", "nobody", "closed/pgrphack", "/bin/echo", "no")
    path = {"PATH": f"{closed}:/nowhere"}
    searched = sandbox.run("setuidgid", "nobody", "pgrphack", "/bin/echo", "no", env=path)
    assert answer_of(as_root) == (0, b"yes\n", b"")
    assert answer_of(as_nobody) == refusal("setuidgid", "closed/pgrphack", "access denied")
    assert answer_of(searched) == refusal("setuidgid", "pgrphack", "access denied")


@clause("chain/error/too-long-variable")
def test_variable_that_is_too_long_stops_where_it_is_set(sandbox: Sandbox) -> None:
    sandbox.write("env/BIG", "x" * 200_000)
    answer = sandbox.run("envdir", "env", "pgrphack", "true")
    assert answer_of(answer) == refusal("envdir", "pgrphack", "argument list too long")


@clause("chain/limit/descriptors")
def test_limit_on_descriptors_binds_the_chain(sandbox: Sandbox) -> None:
    sandbox.write("env/X", "1")
    answer = sandbox.run("softlimit", "-o", "4", "envdir", "env", "true")
    message = b"envdir: fatal: unable to read directory env: process cannot open more files\n"
    assert answer_of(answer) == (111, b"", message)


@clause("chain/limit/binds-chain")
def test_limit_on_memory_binds_the_chain(sandbox: Sandbox, variant: str) -> None:
    sandbox.write("env/BIG", b"x" * 10_000_000)
    answer = sandbox.run("softlimit", "-m", "4000000", "envdir", "env", "true")
    message = {
        "": b"envdir: fatal: unable to read env/BIG: out of memory\n",
        "one-process": b"envdir: fatal: unable to run true: argument list too long\n",
    }[variant]
    assert answer_of(answer) == (111, b"", message)


@clause("chain/names/waiting")
@pytest.mark.parametrize("first", ["softlimit", "envdir"])
def test_program_that_waits_has_its_own_name(sandbox: Sandbox, first: str, variant: str) -> None:
    sandbox.write("env/X", "1")
    holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
    eventually(lambda: record(holder.pid).comm == b"sleep")
    before: list[Word] = ["-c", "0"] if first == "softlimit" else ["env"]
    running = sandbox.start(first, *before, "setlock", "held", "/bin/sleep", "1000")
    name = {"": b"setlock", "one-process": first.encode()}[variant]
    end = (b"held", b"/bin/sleep", b"1000")

    def waits() -> bool:
        now = record(running.pid)
        shown = os.path.basename(now.argv[0] if variant == "" else now.comm)
        return is_asleep(running.pid) and now.argv[-3:] == end and shown == name

    if variant == "":
        eventually(lambda: record(running.pid).comm == name)
    eventually(waits, what="the second setlock waits")
