"""pgrphack: the child's session, and nothing else."""

import os
import signal
from dataclasses import replace

import pytest

from daemontools_conformance.helpers.marks import clause
from daemontools_conformance.helpers.runners import answer_of, refusal
from daemontools_conformance.helpers.states import STATES, child, direct
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.processes import is_alive
from daemontools_conformance.running.sandbox import Sandbox


@clause("pgrphack/session/own")
def test_child_leads_session_and_group(sandbox: Sandbox) -> None:
    seen = child(sandbox, "pgrphack")
    assert seen.session == seen.process_group == seen.pid
    assert os.getsid(0) != seen.pid


@clause("pgrphack/session/leader-already")
def test_leader_runs_its_child_all_the_same(sandbox: Sandbox) -> None:
    seen = child(sandbox, "pgrphack", new_session=True)
    assert seen.session == seen.process_group == seen.pid
    assert sandbox.messages.read_bytes() == b""


@clause("pgrphack/session/nothing-else")
@pytest.mark.parametrize("state", STATES)
def test_nothing_else_changes(sandbox: Sandbox, state: str) -> None:
    before = direct(sandbox, prepare=STATES[state])
    after = child(sandbox, "pgrphack", prepare=STATES[state])
    assert after == replace(
        before, session=after.session, process_group=after.process_group, terminal=0
    )


@clause("pgrphack/terminal/group-signal")
def test_signal_to_the_old_group_does_not_reach_the_child(sandbox: Sandbox) -> None:
    sandbox.script("both", "pgrphack sh -c 'echo $$ >pid; exec sleep 1000' & wait")
    group = sandbox.start_command(["./both"], new_session=True)
    pid = int(eventually((sandbox.path / "pid").read_text))
    sandbox.leaders.add(pid)
    os.killpg(group.pid, signal.SIGTERM)
    assert group.wait().code == -signal.SIGTERM
    never(lambda: not is_alive(pid), during=0.3)


@clause("pgrphack/usage/no-operand")
def test_no_operand_gives_100_and_the_usage_line(sandbox: Sandbox) -> None:
    answer = sandbox.run("pgrphack")
    assert answer_of(answer) == (100, b"", b"pgrphack: usage: pgrphack child\n")


@clause("pgrphack/usage/no-options")
def test_word_with_a_dash_is_the_child(sandbox: Sandbox) -> None:
    answer = sandbox.run("pgrphack", "--", "true")
    assert answer_of(answer) == refusal("pgrphack", "--", "file does not exist")
