"""multilog: processors."""

import os
import re
import signal
import time
from collections.abc import Callable, Sequence

import pytest

from daemontools_conformance.helpers.logdirs import (
    codes,
    lines,
    mode,
    old_contents,
    old_files,
)
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.helpers.states import is_probe
from daemontools_conformance.helpers.strace import CHANGES, changes, files_of_log, under_strace
from daemontools_conformance.running.patience import eventually, never
from daemontools_conformance.running.probe import need_probe
from daemontools_conformance.running.processes import Running, argv_of, children
from daemontools_conformance.running.record import Record, descriptors_to, record
from daemontools_conformance.running.sandbox import PIPE, Options, Sandbox
from daemontools_conformance.running.signals import interrupt
from daemontools_conformance.running.table import proc
from daemontools_conformance.tests.multilog.logging import PROBING, put_away, running

# A processor that stands still until the test writes into the FIFO `go` in the sandbox.
WAIT = "read x <../go; cat"


def standing_still(
    sandbox: Sandbox, processor: str = "exec sleep 1000", prepare: Sequence[str] = ()
) -> tuple[Running, int]:
    """A multilog whose processor has been started, and the processor's process id."""
    multilog = running(sandbox, f"!{processor}", prepare=prepare)
    interrupt(multilog, signal.SIGALRM)
    (pid,) = eventually(lambda: children(multilog.pid))
    return multilog, pid


def let_go(sandbox: Sandbox, before: Callable[[], object] = lambda: None) -> None:
    """Let a processor that waits go on; when it waits indeed, do something first."""
    go = eventually(lambda: os.open(sandbox.path / "go", os.O_WRONLY | os.O_NONBLOCK))
    before()
    os.write(go, b"\n")
    os.close(go)


def record_of_processor(sandbox: Sandbox, *prepare: str) -> Record:
    """What a processor has inherited: the probe, which changes nothing of it."""
    need_probe()
    _, pid = standing_still(sandbox, PROBING, prepare=prepare)
    eventually(lambda: is_probe(pid), what="the processor is the probe")
    return record(pid)


@clause("multilog/processor/output-kept")
def test_the_output_is_kept_in_place_of_the_input(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!tr a-z A-Z")
    put_away(sandbox, multilog, 1)
    assert old_contents(sandbox.path / "log") == [b"BEGUN\n"]
    assert codes(sandbox.path / "log") == ["s"]
    assert mode(old_files(sandbox.path / "log")[0]) == "0744"


@clause("multilog/processor/output-kept")
def test_every_file_goes_through_it(sandbox: Sandbox) -> None:
    script = ["s4096", "n999", "!tr x y", "./log"]
    translated = lines(700).replace(b"x", b"y")
    sandbox.run("multilog", *script, input=lines(700), within=60)
    log = sandbox.path / "log"
    done = b"".join(old_contents(log))
    assert b"x" not in done
    assert done + (log / "current").read_bytes().replace(b"x", b"y") == translated
    assert len(old_files(log)) > 8


@clause("multilog/processor/no-output")
def test_an_empty_output_is_kept_as_an_empty_file(sandbox: Sandbox) -> None:
    put_away(sandbox, running(sandbox, "!true"), 1)
    assert old_contents(sandbox.path / "log") == [b""]


@clause("multilog/processor/not-at-the-end")
def test_current_is_not_processed_at_the_end_of_input(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!echo ran >../ran")
    multilog.end_input()
    multilog.wait()
    assert not (sandbox.path / "ran").exists()
    assert (sandbox.path / "log/current").read_bytes() == b"begun\n"


@clause("multilog/processor/shell")
def test_it_is_run_by_the_shell(sandbox: Sandbox) -> None:
    processor = 'echo "$#"; cat && exit 0; exit 1'
    put_away(sandbox, running(sandbox, f"!{processor}"), 1)
    assert old_contents(sandbox.path / "log") == [b"0\nbegun\n"]


@clause("multilog/processor/shell")
@needs("linux")
def test_the_shell_is_bin_sh_and_gets_the_text_as_it_is(sandbox: Sandbox) -> None:
    processor = "sleep 1000; echo 'two  words'"
    _, pid = standing_still(sandbox, processor)
    eventually(lambda: argv_of(pid)[1:] == (b"-c", processor.encode()))
    assert os.path.samefile(proc(pid, "exe"), "/bin/sh")


@clause("multilog/processor/empty-word")
def test_an_empty_processor_is_an_empty_script(sandbox: Sandbox) -> None:
    put_away(sandbox, running(sandbox, "!"), 1)
    assert old_contents(sandbox.path / "log") == [b""]


@clause("multilog/processor/descriptors")
def test_descriptors_are_input_output_state_and_new_state(sandbox: Sandbox) -> None:
    seen = record_of_processor(sandbox)
    names = ("previous", "processed", "state", "newstate")
    found = {name: descriptors_to(seen, sandbox.path / "log" / name) for name in names}
    assert found == {"previous": [0], "processed": [1], "state": [4], "newstate": [5]}


@clause("multilog/processor/no-other-descriptors")
def test_nothing_of_multilog_is_passed_on_but_standard_error(sandbox: Sandbox) -> None:
    assert set(record_of_processor(sandbox).descriptors) == {0, 1, 2, 4, 5}


@clause("multilog/processor/inherited-descriptors")
def test_descriptors_that_multilog_inherited_are_passed_on(sandbox: Sandbox) -> None:
    seen = record_of_processor(sandbox, "--open", "7", "--open", "9")
    assert set(seen.descriptors) >= {7, 9}


@clause("multilog/processor/directory")
def test_it_runs_in_the_log_directory(sandbox: Sandbox) -> None:
    put_away(sandbox, running(sandbox, "!pwd -P"), 1)
    (output,) = old_contents(sandbox.path / "log")
    assert output.decode() == f"{(sandbox.path / 'log').resolve()}\n"


@clause("multilog/processor/signals")
def test_term_and_alrm_are_default_and_unblocked(sandbox: Sandbox) -> None:
    seen = record_of_processor(sandbox)
    for number in (signal.SIGTERM, signal.SIGALRM):
        assert number not in seen.blocked | seen.ignored | seen.caught


@clause("multilog/processor/umask")
@pytest.mark.parametrize("inherited", ["0", "77"])
def test_umask_is_022(sandbox: Sandbox, inherited: str) -> None:
    assert record_of_processor(sandbox, "--umask", inherited).umask == "0022"


@clause("multilog/processor/environment")
def test_environment_is_passed_on(sandbox: Sandbox) -> None:
    sandbox.environment["GREETING"] = "hello world"
    put_away(sandbox, running(sandbox, '!echo "$GREETING"'), 1)
    assert old_contents(sandbox.path / "log") == [b"hello world\n"]


@clause("multilog/processor/state")
def test_state_goes_from_one_run_to_the_next(sandbox: Sandbox) -> None:
    processor = "cat >/dev/null; n=`cat <&4`; echo run $n; echo $n+ >&5"
    multilog = running(sandbox, f"!{processor}")
    for number in (1, 2, 3):
        if number > 1:
            multilog.write(b"x\n")
            eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"x\n")
        put_away(sandbox, multilog, number)
    assert old_contents(sandbox.path / "log") == [b"run\n", b"run +\n", b"run ++\n"]


@clause("multilog/processor/state-after-the-end")
def test_state_goes_on_with_the_next_multilog(sandbox: Sandbox) -> None:
    processor = "cat >/dev/null; cat <&4; echo again >&5"
    first = running(sandbox, f"!{processor}")
    put_away(sandbox, first, 1)
    first.end_input()
    first.wait()
    put_away(sandbox, running(sandbox, f"!{processor}"), 2)
    assert old_contents(sandbox.path / "log") == [b"", b"again\n"]


@clause("multilog/processor/state-replaced")
def test_a_processor_that_writes_no_state_leaves_it_empty(sandbox: Sandbox) -> None:
    sandbox.write("log/state", "old state")
    sandbox.write("log/current", mode=0o744)
    put_away(sandbox, running(sandbox, "!cat"), 1)
    assert (sandbox.path / "log/state").read_bytes() == b""


@clause("multilog/processor/blocks")
def test_input_waits_while_it_runs(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    multilog, _ = standing_still(sandbox, WAIT)
    multilog.write(b"more\n")
    never((sandbox.path / "log/current").read_bytes, during=0.3)
    let_go(sandbox)
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"more\n")
    assert old_contents(sandbox.path / "log") == [b"begun\n"]


@clause("multilog/processor/term-while-it-runs")
def test_term_while_it_runs_waits_for_its_end(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    multilog, _ = standing_still(sandbox, WAIT)
    multilog.write(b"more\n")
    multilog.signal(signal.SIGTERM)
    never(multilog.has_ended, during=0.3)
    let_go(sandbox)
    assert multilog.wait().code == 0
    assert old_contents(sandbox.path / "log") == [b"begun\n"]
    assert mode(sandbox.path / "log/current") == "0744"


@clause("multilog/term/while-busy")
def test_term_while_it_is_busy_needs_no_further_input(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    multilog, _ = standing_still(sandbox, WAIT)
    multilog.signal(signal.SIGTERM)
    let_go(sandbox)
    assert multilog.wait(within=5).code == 0
    assert old_contents(sandbox.path / "log") == [b"begun\n"]


@clause("multilog/processor/alrm-while-it-runs")
def test_alrm_while_it_runs_is_not_forgotten(sandbox: Sandbox) -> None:
    os.mkfifo(sandbox.path / "go")
    processor = "[ -e ../second ] || read x <../go; cat"
    script = ["./large", "s4096", f"!{processor}", "./small"]
    multilog = sandbox.start("multilog", *script, stdin=PIPE)
    multilog.write(lines(40))  # 2400 bytes: one rotation of small
    eventually(lambda: children(multilog.pid))
    multilog.signal(signal.SIGALRM)
    let_go(sandbox, lambda: sandbox.write("second"))
    multilog.write(b"last\n")
    eventually(lambda: old_files(sandbox.path / "large"))


def failing_once(sandbox: Sandbox, how: str) -> Running:
    """A multilog whose processor fails in this way when it runs for the first time.

    Each run appends to the file `runs` what it has read: the line `begun`, then the state.
    """
    reads = "tee -a ../runs; cat <&4 >>../runs; echo partial >&5"
    multilog = running(
        sandbox, f"!{reads}; [ -e ../failed ] || {{ echo failed >../failed; {how}; }}"
    )
    (sandbox.path / "log/state").write_bytes(b"state\n")
    interrupt(multilog, signal.SIGALRM)
    eventually((sandbox.path / "failed").exists)
    return multilog


@clause("multilog/processor/failure-retried")
def test_a_failing_processor_is_run_again(sandbox: Sandbox) -> None:
    failing_once(sandbox, "exit 1")
    log = sandbox.path / "log"
    eventually(lambda: len(old_files(log)) == 1, within=30)
    assert (sandbox.path / "runs").read_bytes() == 2 * b"begun\nstate\n"
    assert old_contents(log) == [b"begun\n"]


@slow
@clause("multilog/processor/pauses")
def test_a_failing_processor_is_run_again_after_five_seconds(sandbox: Sandbox) -> None:
    multilog = failing_once(sandbox, "exit 1")
    failed = time.monotonic()
    eventually(lambda: len(old_files(sandbox.path / "log")) == 1, within=30)
    assert time.monotonic() - failed > 4.5
    assert multilog.said


@clause("multilog/processor/failure-message")
def test_what_is_said_of_a_failing_processor(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!exit 1")
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: multilog.said)
    assert multilog.err == b"multilog: warning: processor failed in ./log, pausing\n"


@slow
@clause("multilog/processor/crash-retried")
def test_a_crashing_processor_is_run_again(sandbox: Sandbox) -> None:
    multilog = failing_once(sandbox, "kill -KILL $$")
    log = sandbox.path / "log"
    eventually(lambda: len(old_files(log)) == 1, within=40)
    crashed = rb"multilog: warning: processor crashed in \./log, pausing: .*\n"
    failed_too = rb"multilog: warning: processor failed in \./log, pausing\n"
    assert re.fullmatch(crashed + failed_too, multilog.err)
    assert (sandbox.path / "runs").read_bytes().count(b"begun\n") == 2


@clause("multilog/processor/failure-keeps-input")
def test_while_it_fails_the_input_is_kept(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!echo rubbish; echo rubbish >&5; exit 3")
    log = sandbox.path / "log"
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: multilog.said)
    assert ((log / "previous").read_bytes(), mode(log / "previous")) == (b"begun\n", "0744")
    assert (old_files(log), (log / "state").read_bytes()) == ([], b"")


@clause("multilog/processor/no-shell")
def test_state_that_is_gone_makes_the_processor_fail(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!cat")
    (sandbox.path / "log/state").unlink()
    interrupt(multilog, signal.SIGALRM)
    expected = (
        b"multilog: fatal: unable to run cat: file does not exist\n"
        b"multilog: warning: processor failed in ./log, pausing\n"
    )
    multilog.wait_until_err(expected)


@clause("multilog/processor/term-while-it-fails")
def test_term_ends_multilog_while_the_processor_keeps_failing(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "!exit 1")
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: multilog.said)
    multilog.write(b"more\n")
    multilog.signal(signal.SIGTERM)
    assert multilog.wait(within=8).code == 0
    log = sandbox.path / "log"
    assert [f.read_bytes() for f in old_files(log)] == [b"begun\n"]
    assert codes(log) == ["u"]
    assert (log / "state").read_bytes() == b""
    assert not any((log / name).exists() for name in ("previous", "processed", "newstate"))


@clause("multilog/processor/ignored-chld")
def test_an_inherited_ignored_chld_does_not_matter(sandbox: Sandbox) -> None:
    options: Options = {"stdin": PIPE, "prepare": ["--ignore", "CHLD"]}
    multilog = sandbox.start("multilog", "!cat", "./log", **options)
    multilog.write(b"begun\n")
    eventually((sandbox.path / "log/current").read_bytes)
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: old_contents(sandbox.path / "log") == [b"begun\n"])


@clause("multilog/processor/two")
def test_two_directories_have_two_processors(sandbox: Sandbox) -> None:
    script = ["!tr a-z A-Z", "./a", "!tr g k", "./b"]
    multilog = sandbox.start("multilog", *script, stdin=PIPE)
    multilog.write(b"begun\n")
    eventually((sandbox.path / "b/current").read_bytes)
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: old_contents(sandbox.path / "b") == [b"bekun\n"])
    eventually(lambda: old_contents(sandbox.path / "a") == [b"BEGUN\n"])


@clause("multilog/processor/number-counts")
def test_the_number_of_files_is_kept(sandbox: Sandbox) -> None:
    script = ["s4096", "n3", "!cat", "./log"]
    sandbox.run("multilog", *script, input=lines(500), within=60)
    assert len(old_files(sandbox.path / "log")) == 2


@clause("multilog/processor/steps")
@needs("strace")
def test_steps_after_the_processor_has_ended(sandbox: Sandbox) -> None:
    tracing = ["-e", f"trace={CHANGES}"]
    script = ["s4096", "!cat", "./log"]
    multilog = under_strace(sandbox, files_of_log(sandbox), tracing, script, stdin=PIPE)
    multilog.write(b"x" * 4095 + b"\n" + b"y\n")
    multilog.end_input()
    multilog.wait()
    seen = [word for word in changes(sandbox.path / "trace") if not word.startswith("create ")]
    begin, end = seen.index("mode previous 0744") + 1, seen.index("remove processed") + 1
    assert seen[begin:end] == [
        "sync processed",
        "mode processed 0744",
        "sync newstate",
        "remove previous",
        "rename newstate state",
        "link processed @.s",
        "remove processed",
    ]
