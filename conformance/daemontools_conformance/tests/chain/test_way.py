"""chain: how the next program is found, and what happens if one of them cannot go on."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.runners import answer_of, refusal
from daemontools_conformance.helpers.states import family, kill_family, wait_until_runs, waiter_of
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import argv_of, is_asleep
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import Argument, Sandbox
from daemontools_conformance.running.table import comm_of


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
    path = {"PATH": f"mine:{sandbox.search_path}"}
    along_path = sandbox.run("pgrphack", "envdir", "x", "y", env=path)
    by_name = sandbox.run("pgrphack", "mine/envdir", "x", "y")
    assert answer_of(along_path) == (0, b"mine x y\n", b"")
    assert answer_of(by_name) == (0, b"mine x y\n", b"")


def _in_place(file: Path, text: str) -> None:
    file.write_text(text)


def _anew(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text)
    file.chmod(0o755)


def _by_rename(file: Path, text: str) -> None:
    new = file.with_name("new")
    new.write_text(text)
    new.chmod(0o755)
    new.rename(file)


@clause("chain/path/replaced")
@pytest.mark.parametrize("replace", [_in_place, _anew, _by_rename])
def test_program_that_is_replaced_while_the_chain_waits(
    sandbox: Sandbox, replace: Callable[[Path, str], None]
) -> None:
    for program in ("setlock", "envdir"):
        file = sandbox.file(program)
        (sandbox.path / "own").mkdir(exist_ok=True)
        shutil.copy(file, sandbox.path / "own" / program)
    sandbox.write("env/X", "1")
    path = {"PATH": f"{sandbox.path}/own:{sandbox.search_path}"}
    holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
    wait_until_runs(holder, b"/bin/sleep", b"1000")
    words: list[Argument] = [sandbox.path / "own/setlock", "held", "envdir", "env", "echo", "old"]
    waiting = sandbox.start_command(words, env=path)
    eventually(lambda: waiter_of(waiting, sandbox.path / "held"), what="setlock waits")
    replace(sandbox.path / "own/envdir", "#!/bin/sh\necho new\n")
    kill_family(holder)
    assert answer_of(waiting.wait()) == (0, b"new\n", b"")


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
    sandbox.run("setlock", "lock", "pgrphack", "envdir", "nowhere", "true")
    assert (sandbox.path / "lock").exists()


@clause("chain/error/closed-to-user")
@needs("root")
def test_program_that_the_new_user_may_not_execute(sandbox: Sandbox) -> None:
    file = sandbox.file("pgrphack")
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
@pytest.mark.parametrize("before", [["-c", "0"], ["-m", "4000000"]], ids=str)
def test_variable_that_is_too_long_stops_where_it_is_set(
    sandbox: Sandbox, before: list[Argument]
) -> None:
    sandbox.write("env/BIG", "x" * 200_000)
    answer = sandbox.run("softlimit", *before, "envdir", "env", "pgrphack", "true")
    assert answer_of(answer) == refusal("envdir", "pgrphack", "argument list too long")


@clause("chain/error/no-process")
@needs("root")
def test_user_with_too_many_processes_may_not_go_on(sandbox: Sandbox) -> None:
    other = sandbox.start("setuidgid", "nobody", "/bin/sleep", "1000")
    wait_until_runs(other, b"/bin/sleep", b"1000")
    answer = sandbox.run("softlimit", "-p", "0", "setuidgid", "nobody", "pgrphack", "echo", "no")
    assert answer_of(answer) == refusal("setuidgid", "pgrphack", "temporary failure")


@clause("chain/error/capabilities-lost")
@needs("root")
@needs("setpriv")
def test_capabilities_that_exec_takes_are_gone(sandbox: Sandbox) -> None:
    sandbox.write("closed/X", "1")
    (sandbox.path / "closed").chmod(0o700)
    pgrphack = sandbox.file("pgrphack")
    keep: list[Argument] = ["setpriv", "--securebits", "+no_setuid_fixup", pgrphack]
    keep += ["setuidgid", "nobody"]
    back = sandbox.start_command([*keep, "setuidgid", "root", "echo", "no"]).wait()
    into = sandbox.start_command([*keep, "envdir", "closed", "echo", "no"]).wait()
    assert (back.code, into.code) == (111, 111)


@clause("chain/limit/large-environment")
def test_large_environment_under_a_limit_on_memory(sandbox: Sandbox) -> None:
    for name in ("A", "B"):
        sandbox.write(f"env/{name}", "x" * 70_000)
    show: list[Argument] = ["pgrphack", "sh", "-c", "echo ${#A} ${#B}"]
    answer = sandbox.run("softlimit", "-m", "4000000", "envdir", "env", *show)
    assert answer_of(answer) == (0, b"70000 70000\n", b"")


@clause("chain/limit/arguments-and-stack")
def test_arguments_must_fit_the_stack(sandbox: Sandbox) -> None:
    words = ["-s", "20480", "pgrphack", "true", *["word"] * 8000]
    answer = sandbox.run("softlimit", *words)
    assert answer_of(answer) == refusal("softlimit", "pgrphack", "argument list too long")


@clause("chain/limit/descriptors")
def test_limit_on_descriptors_binds_the_chain(sandbox: Sandbox) -> None:
    sandbox.write("env/X", "1")
    assert sandbox.run("softlimit", "-o", "4", "envdir", "env", "true").code == 111


@clause("chain/limit/binds-chain")
def test_limit_on_memory_binds_the_chain(sandbox: Sandbox, variant: str) -> None:
    holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
    unlimited = record(wait_until_runs(holder, b"/bin/sleep", b"1000")).limits["address space"][0]
    waiting = sandbox.start("softlimit", "-a", "50000000", "setlock", "held", "true")
    setlock = eventually(lambda: waiter_of(waiting, sandbox.path / "held"), what="setlock waits")
    limit = {"": "50000000", "one-process": unlimited}[variant]
    assert record(setlock).limits["address space"][0] == limit


@clause("chain/names/waiting")
@pytest.mark.parametrize("first", [["softlimit", "-c", "0"], ["envdir", "env"]], ids=str)
def test_program_that_waits_has_its_own_name(sandbox: Sandbox, first: list[str]) -> None:
    sandbox.write("env/X", "1")
    holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
    wait_until_runs(holder, b"/bin/sleep", b"1000")
    waits: list[Argument] = ["setlock", "held", "/bin/sleep", "1000"]
    running = sandbox.start(first[0], *first[1:], *waits)
    shown = b"setlock held /bin/sleep 1000"

    def waiting() -> int:
        shows = (p for p in family(running) if b" ".join(argv_of(p)) == shown and is_asleep(p))
        return next(shows, 0)

    assert comm_of(eventually(waiting, what="the process shows setlock")) == b"setlock"


@clause("chain/limit/after-setuidgid")
@needs("root")
def test_limit_on_memory_and_a_program_after_setuidgid(sandbox: Sandbox, variant: str) -> None:
    sandbox.path.chmod(0o755)
    sandbox.write("env/X", "yes\n")
    line: list[Argument] = [
        "-m",
        "4000000",
        "setuidgid",
        "nobody",
        "envdir",
        "env",
        "printenv",
        "X",
    ]
    answer = sandbox.run("softlimit", *line, crash_is_an_answer=True)
    assert (answer.code == 0, answer.out) == {
        "": (True, b"yes\n"),
        "interpreter": (False, b""),
    }[variant]
