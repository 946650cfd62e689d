"""exec: what the next program sees of its start."""

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import (
    arguments_before_child,
    each_chain_program,
    each_runner,
)
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import argv_of, below, comm_of
from daemontools_conformance.running.sandbox import Sandbox


@clause("exec/child/argv0")
@each_runner
def test_argv0_is_the_name_as_given(sandbox: Sandbox, runner: str) -> None:
    running = sandbox.start(runner, *arguments_before_child(sandbox, runner), "sleep", "1000")

    def argv_of_sleep() -> tuple[bytes, ...]:
        pids = (running.pid, *below(running.pid))
        # The kernel gives the name first: once it is there, the arguments are the new ones, or ().
        return next((argv_of(pid) for pid in pids if comm_of(pid) == b"sleep"), ())

    assert eventually(argv_of_sleep) == (b"sleep", b"1000")


@clause("exec/child/same-process")
@each_chain_program
def test_child_runs_in_the_same_process(sandbox: Sandbox, runner: str) -> None:
    sandbox.write("tells", "echo $$")
    running = sandbox.start(runner, *arguments_before_child(sandbox, runner), "/bin/sh", "tells")
    answer = running.wait()
    assert (answer.code, answer.out) == (0, b"%d\n" % running.pid)
