"""svscan: when a service has a logger."""

import os
from pathlib import Path

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    pipes_of,
    services,
    shell_supervise,
    start_with_canary,
    supervise_of,
    telling_supervise,
    wait_until_scanned,
    waiting_supervise,
)


def lines(told: Path) -> list[str]:
    """What the telling supervise was told: DIRECTORY ARGUMENT."""
    return sorted(set(told.read_text().splitlines()))


@clause("svscan/log/two-supervises")
def test_a_service_with_a_log_gets_two_supervises(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    place = os.path.realpath(services(sandbox, "a", "a/log"))
    sandbox.start("svscan", "service")
    eventually(lambda: lines(told) == [f"{place} a", f"{place}/a log"])


@clause("svscan/log/started-inside")
def test_the_logs_supervise_starts_inside_the_service(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    target = sandbox.path / "elsewhere"
    (target / "log").mkdir(parents=True)
    (services(sandbox) / "a").symlink_to(target)
    sandbox.start("svscan", "service")
    eventually(lambda: f"{os.path.realpath(target)} log" in lines(told))


@clause("svscan/log/file-counts")
def test_a_file_called_log_counts(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    place = os.path.realpath(services(sandbox, "a"))
    sandbox.write("service/a/log")
    sandbox.start("svscan", "service")
    eventually(lambda: lines(told) == [f"{place} a", f"{place}/a log"])


@clause("svscan/log/dangling-link")
def test_a_dangling_link_called_log_does_not_count(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a")
    (folder / "a/log").symlink_to("nowhere")
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    assert lines(told) == [f"{os.path.realpath(folder)} a"]


@clause("svscan/log/link")
def test_a_link_to_a_directory_called_log_counts(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a", "elsewhere")
    (folder / "a/log").symlink_to("../elsewhere")
    sandbox.start("svscan", "service")
    eventually(lambda: f"{os.path.realpath(folder)}/a log" in lines(told))


@clause("svscan/log/unreadable")
def test_a_log_that_cannot_be_looked_at_keeps_the_service_down(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a")
    (folder / "a/log").symlink_to("log")
    svscan = sandbox.start("svscan", "service")
    warning = b"svscan: warning: unable to stat a/log: symbolic link loop\n"
    svscan.wait_until_err(warning * 2, within=40)
    assert lines(told) == []
    (folder / "a/log").unlink()
    eventually(lambda: lines(told) == [f"{os.path.realpath(folder)} a"], within=40)


@clause("svscan/log/looked-for-once")
def test_a_log_that_is_added_later_is_not_started(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a")
    svscan = start_with_canary(sandbox)
    place = os.path.realpath(folder)
    eventually(lambda: lines(told) == [f"{place} a"])
    (folder / "a/log").mkdir()
    wait_until_scanned(svscan, 1)
    assert lines(told) == [f"{place} a"]


@clause("svscan/log/looked-for-again")
def test_a_service_that_was_forgotten_is_looked_at_afresh(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a")
    svscan = start_with_canary(sandbox)
    place = os.path.realpath(folder)
    eventually(lambda: lines(told) == [f"{place} a"])
    (folder / "a").rename(folder / ".a")
    (folder / ".a/log").mkdir()
    wait_until_scanned(svscan, 1)
    (folder / ".a").rename(folder / "a")
    eventually(lambda: f"{place}/a log" in lines(told), within=40)


@clause("svscan/log/removed")
def test_a_log_that_is_removed_is_still_started(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a", "a/log")
    svscan = start_with_canary(sandbox)
    eventually(lambda: len(lines(told)) == 2)
    (folder / "a/log").rmdir()
    wait_until_scanned(svscan, 1)
    seen = told.read_text().count(" log\n")
    wait_until_scanned(svscan, 1)
    assert told.read_text().count(" log\n") > seen


@clause("svscan/log/joined-by-a-pipe")
def test_the_log_reads_what_the_service_writes(sandbox: Sandbox) -> None:
    caught = sandbox.path / "caught"
    shell_supervise(sandbox, "echo from a", f"cat >{caught}")
    sandbox.start("svscan", "service")
    eventually(lambda: caught.read_bytes().startswith(b"from a\n"))


@clause("svscan/log/joined-by-a-pipe")
@needs("linux")
def test_output_and_input_are_one_pipe(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/a/log", "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    service = eventually(lambda: supervise_of(svscan, "a"))
    log = eventually(lambda: supervise_of(svscan, "log"))
    pipe = record(service).descriptors[1]
    assert pipe.startswith("pipe:")
    assert record(log).descriptors[0] == pipe


@clause("svscan/log/other-descriptors")
def test_input_errors_and_the_logs_output_are_svscans(sandbox: Sandbox) -> None:
    both = "while :; do sleep 1000; done"
    shell_supervise(sandbox, f'read x; echo "a: $x" >&2; {both}', f"echo log; echo log >&2; {both}")
    svscan = sandbox.start("svscan", "service", stdin=PIPE)
    svscan.write(b"a line\n")
    svscan.wait_until_out(b"log\n")
    eventually(lambda: sorted(svscan.err.splitlines()) == [b"a: a line", b"log"])


@clause("svscan/log/other-descriptors")
@needs("linux")
def test_the_other_standard_descriptors_are_svscans(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/a/log", "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    service = record(eventually(lambda: supervise_of(svscan, "a"))).descriptors
    log = record(eventually(lambda: supervise_of(svscan, "log"))).descriptors
    own = record(svscan.pid).descriptors
    assert (service[0], service[2], log[1], log[2]) == (own[0], own[2], own[1], own[2])


@clause("svscan/log/two-descriptors")
def test_both_ends_outlive_the_two_supervises(sandbox: Sandbox) -> None:
    caught = sandbox.path / "caught"
    # At each scan one of the two reads or writes a line, and ends.
    shell_supervise(sandbox, "echo line", f"read x && echo $x >>{caught}")
    sandbox.start("svscan", "service")
    eventually(lambda: caught.read_bytes().startswith(b"line\nline\n"), within=40)


@clause("svscan/log/two-descriptors")
@needs("linux")
def test_svscan_keeps_both_ends_of_each_pipe(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a")
    svscan = sandbox.start("svscan", "service")
    eventually(told.read_text)
    own = pipes_of(svscan.pid)
    for name in ("b", "c"):
        (sandbox.path / name / "log").mkdir(parents=True)
        (sandbox.path / name).rename(folder / name)

    def has_both_ends_of_two() -> bool:
        pipes = [pipe for fd, pipe in pipes_of(svscan.pid).items() if fd not in own]
        return len(pipes) == 4 and len(set(pipes)) == 2

    eventually(has_both_ends_of_two, within=40)


@clause("svscan/log/pipe-closed")
def test_a_reader_that_is_left_sees_the_end(sandbox: Sandbox) -> None:
    over = sandbox.path / "over"
    shell_supervise(sandbox, ":", f"exec 3<&0; (cat <&3; touch {over}) &")
    folder = sandbox.path / "service"
    svscan = start_with_canary(sandbox)
    wait_until_scanned(svscan, 1)
    assert not over.exists()
    (folder / "a").rename(folder / ".a")
    eventually(over.exists, within=40)


@clause("svscan/log/pipe-closed")
@needs("linux")
def test_the_pipe_of_a_forgotten_service_is_closed(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    folder = services(sandbox, "a", "a/log")
    svscan = sandbox.start("svscan", "service")
    eventually(lambda: len(lines(told)) == 2)
    pipes = set(pipes_of(svscan.pid).values())
    (folder / "a").rename(folder / ".a")
    eventually(lambda: len(pipes - set(pipes_of(svscan.pid).values())) == 1, within=40)


@clause("svscan/log/pipe-kept")
def test_a_reader_sees_no_end_while_its_supervise_runs(sandbox: Sandbox) -> None:
    over, reads = sandbox.path / "over", sandbox.path / "reads"
    shell_supervise(sandbox, ":", f"touch {reads}; cat; touch {over}")
    folder = sandbox.path / "service"
    svscan = start_with_canary(sandbox)
    eventually(reads.exists)
    (folder / "a").rename(folder / ".a")
    wait_until_scanned(svscan, 2)
    assert not over.exists()


@clause("svscan/log/pipe-kept")
@needs("linux")
def test_the_pipe_stays_while_one_of_the_two_runs(sandbox: Sandbox) -> None:
    waiting_supervise(sandbox)
    folder = services(sandbox, "1000", "1000/log")  # `sleep log` fails, `sleep 1000` waits
    svscan = start_with_canary(sandbox)
    eventually(lambda: supervise_of(svscan, "1000"))
    pipes = pipes_of(svscan.pid)
    assert pipes
    (folder / "1000").rename(folder / ".1000")
    wait_until_scanned(svscan, 2)
    assert pipes_of(svscan.pid) == pipes


@clause("svscan/log/own-restart")
def test_the_logs_supervise_is_started_again_alone(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "exec sleep 1000")
    sandbox.service("service/a/log", "exec sleep 1000")
    svscan = sandbox.start("svscan", "service")
    service = eventually(lambda: supervise_of(svscan, "a"))
    log = eventually(lambda: supervise_of(svscan, "log"))
    os.kill(log, 9)
    eventually(lambda: supervise_of(svscan, "log") not in (0, log), within=40)
    assert supervise_of(svscan, "a") == service


@clause("svscan/log/closed-descriptors")
def test_the_pipe_works_with_0_and_1_closed(sandbox: Sandbox) -> None:
    sandbox.service("service/a", "echo through; exec sleep 1000")
    sandbox.service("service/a/log", "exec cat >../caught")
    sandbox.start("svscan", "service", prepare=["--close", "0", "--close", "1"])
    caught = sandbox.path / "service/a/caught"
    eventually(lambda: caught.read_bytes().startswith(b"through\n"), within=20)
