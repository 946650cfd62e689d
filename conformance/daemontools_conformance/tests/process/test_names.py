"""The programs that live long in the list of processes: what ps, pidof and /proc show of them."""

import os

import pytest

from daemontools_conformance.helpers.listing import output
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.states import wait_until_runs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, is_asleep
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.table import comm_of, proc
from daemontools_conformance.tests.tree.planting import plant, wait_until_supervised

# The programs that live long besides svscan and supervise, each with words on which it waits.
WAITING: dict[str, list[str]] = {
    "multilog": ["t", "s4096", "./log"],
    "readproctitle": ["errors:", "....."],
    "tai64n": [],
    "tai64nlocal": [],
    "fghack": ["/bin/sleep", "1000"],
    "setlock": ["held", "/bin/sleep", "1000"],
}


def each(topic: str) -> list[object]:
    """One parameter for each of them, which carries its clause PROGRAM/topic."""
    return [pytest.param(name, marks=clause(f"{name}/{topic}")) for name in WAITING]


def waiting(sandbox: Sandbox, program: str) -> Running:
    """The program, as soon as it waits."""
    if program == "setlock":
        holder = sandbox.start("setlock", "held", "/bin/sleep", "1000")
        wait_until_runs(holder, b"/bin/sleep", b"1000")
    running = sandbox.start(program, *WAITING[program], stdin=PIPE)
    eventually(lambda: is_asleep(running.pid), what=f"{program} waits")
    return running


@pytest.mark.parametrize("program", each("names/pidof"))
@needs("pidof")
def test_plain_pidof_finds_it(sandbox: Sandbox, program: str) -> None:
    running = waiting(sandbox, program)
    assert str(running.pid) in " ".join(output("pidof", program)).split()


@pytest.mark.parametrize("program", each("names/ps"))
@needs("ps")
def test_ps_shows_its_words(sandbox: Sandbox, program: str) -> None:
    running = waiting(sandbox, program)
    (line,) = output("ps", "-ww", "-o", "args=", "-p", str(running.pid))
    assert line.strip() == " ".join([program, *WAITING[program]])


@clause("process/names/after-setuidgid")
@needs("root")
@needs("pidof")
def test_plain_pidof_finds_what_setuidgid_runs(sandbox: Sandbox) -> None:
    running = sandbox.start("setuidgid", "nobody", "multilog", "e", stdin=PIPE)
    eventually(lambda: comm_of(running.pid) == b"multilog" and is_asleep(running.pid))
    assert str(running.pid) in " ".join(output("pidof", "multilog")).split()


@clause("process/names/cmdline")
@pytest.mark.parametrize("program", ["svscan", "supervise", *WAITING])
def test_the_kernel_shows_the_words_and_nothing_else(
    sandbox: Sandbox, program: str, variant: str
) -> None:
    if program == "svscan":
        pid, arguments = plant(sandbox, "a").pid, ["service"]
    elif program == "supervise":
        pid, arguments = wait_until_supervised(plant(sandbox, "a"), "a"), ["a"]
    else:
        pid, arguments = waiting(sandbox, program).pid, WAITING[program]
    exact = b"".join(word.encode() + b"\0" for word in (program, *arguments))
    shown = proc(pid, "cmdline").read_bytes()
    assert (shown == exact) == {"": True, "padded": False}[variant]
    assert shown == exact.ljust(len(shown), b"\0")


@clause("process/names/exe")
def test_the_kernel_shows_the_file_of_the_program(sandbox: Sandbox, variant: str) -> None:
    running = waiting(sandbox, "multilog")
    own_file, _ = sandbox.argv("multilog")
    is_own_file = os.path.samefile(proc(running.pid, "exe"), own_file)
    assert is_own_file == {"": True, "interpreter": False}[variant]
