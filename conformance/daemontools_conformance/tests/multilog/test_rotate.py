"""multilog: rotation, by size and by ALRM."""

import os
import re
import signal
import time

import pytest

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.clockstep import with_clock
from daemontools_conformance.helpers.logdirs import (
    check_bounds,
    contents,
    lines,
    mode,
    old_contents,
    old_files,
)
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.strace import CHANGES, changes, files_of_log, under_strace
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.record import record
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.running.signals import deliver, interrupt
from daemontools_conformance.tests.multilog.logging import put_away, running

UNIX_EPOCH = 2**62 + 10
HOUR = 3600


@clause("multilog/rotate/bounds")
@pytest.mark.parametrize("length", [2, 60, 700, 1999])
def test_old_files_keep_to_the_size_and_end_in_a_newline(sandbox: Sandbox, length: int) -> None:
    text = (b"x" * (length - 1) + b"\n") * (60_000 // length)
    sandbox.run("multilog", "s9000", "n99", "./log", input=text)
    assert all(old.endswith(b"\n") for old in old_contents(sandbox.path / "log"))
    check_bounds(sandbox.path / "log", 9000)


@clause("multilog/rotate/bounds")
def test_lines_of_all_lengths_keep_to_the_bounds(sandbox: Sandbox) -> None:
    text = b"".join(b"x" * (n * 7919 % 5000) + b"\n" for n in range(200))
    sandbox.run("multilog", "s5000", "n999", "./log", input=text)
    check_bounds(sandbox.path / "log", 5000)


@clause("multilog/rotate/bounds")
def test_large_files_keep_to_the_bounds(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "s300000", "./log", input=lines(11_000))
    assert len(old_files(sandbox.path / "log")) == 2
    check_bounds(sandbox.path / "log", 300_000)


@clause("multilog/rotate/exact-size")
def test_a_file_without_a_newline_near_its_end_has_the_size(sandbox: Sandbox) -> None:
    text = b"a\n" + b"x" * 10_000 + b"\n"
    sandbox.run("multilog", "s4096", "./log", input=text)
    first, second = old_contents(sandbox.path / "log")
    assert (len(first), len(second)) == (4096, 4096)
    assert first + second + (sandbox.path / "log/current").read_bytes() == text


@clause("multilog/rotate/exact-size")
@pytest.mark.parametrize("size", [4096, 4097, 16_777_214, 16_777_215])
def test_the_size_to_the_byte(sandbox: Sandbox, size: int) -> None:
    check_exact_size(sandbox, f"s{size}", size=size)


@clause("multilog/script/size-default")
def test_the_default_size_to_the_byte(sandbox: Sandbox) -> None:
    check_exact_size(sandbox, size=99_999)


@clause("multilog/script/size-least")
def test_the_least_size_to_the_byte(sandbox: Sandbox) -> None:
    check_exact_size(sandbox, "s4095", size=4096)


@clause("multilog/script/size-most")
@pytest.mark.parametrize("size", [2**24, 2**32 + 4096, 2**63])
def test_the_greatest_size_to_the_byte(sandbox: Sandbox, size: int) -> None:
    check_exact_size(sandbox, f"s{size}", size=16_777_215)


def check_exact_size(sandbox: Sandbox, *script: str, size: int) -> None:
    """With this script, a line that is a byte longer than SIZE fills an old file of SIZE bytes."""
    sandbox.run("multilog", *script, "./log", input=b"x" * (size + 1))
    assert [len(content) for content in old_contents(sandbox.path / "log")] == [size]


@clause("multilog/rotate/not-before-more-comes")
@pytest.mark.parametrize(("script", "size"), [(["s99999"], 99_999), (["s4096"], 4096)])
def test_a_byte_less_a_byte_more(sandbox: Sandbox, script: list[str], size: int) -> None:
    multilog = sandbox.start("multilog", *script, "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    for more, length, old in ((size - 1, size - 1, 0), (1, size, 0), (1, 1, 1)):
        multilog.write(b"x" * more)
        eventually(lambda length=length: current.stat().st_size == length)  # type: ignore[misc]
        assert len(old_files(sandbox.path / "log")) == old
    assert old_contents(sandbox.path / "log") == [b"x" * size]


@clause("multilog/rotate/margin")
@pytest.mark.parametrize(("short_of_size", "number"), [(2000, 1), (2001, 0)])
def test_a_last_newline_2000_bytes_before_the_size(
    sandbox: Sandbox, short_of_size: int, number: int
) -> None:
    sandbox.run("multilog", "s9000", "./log", input=b"x" * (9000 - short_of_size - 1) + b"\n")
    assert len(old_files(sandbox.path / "log")) == number


@clause("multilog/rotate/not-before-more-comes")
def test_a_full_file_without_a_newline_stays_current_until_more_comes(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "s4096", "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"x" * 4096)
    eventually(lambda: current.stat().st_size == 4096)
    multilog.write(b"\n")
    eventually(lambda: current.read_bytes() == b"\n")
    assert old_contents(sandbox.path / "log") == [b"x" * 4096]


@clause("multilog/rotate/name")
def test_name_is_the_time_of_the_rotation_and_the_code(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    before = time.time()
    put_away(sandbox, multilog, 1)
    (old,) = old_files(sandbox.path / "log")
    found = re.fullmatch(r"@([0-9a-f]{16})([0-9a-f]{8})\.s", old.name)
    assert found
    moment = int(found[1], 16) - UNIX_EPOCH + int(found[2], 16) / 1e9
    assert before - 0.000001 <= moment <= time.time() + 0.000001


@clause("multilog/rotate/second-name")
def test_a_rotation_removes_the_name_of_a_file_with_another(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    (sandbox.path / "backup").hardlink_to(sandbox.path / "log/current")
    put_away(sandbox, multilog, 0)
    assert (sandbox.path / "backup").read_bytes() == b"begun\n"
    multilog.write(b"after\n")
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"after\n")
    put_away(sandbox, multilog, 1)
    assert old_contents(sandbox.path / "log") == [b"after\n"]


@clause("multilog/rotate/same-descriptors")
@pytest.mark.parametrize("processor", [[], ["!cat"]])
def test_rotations_leave_no_descriptor_open(sandbox: Sandbox, processor: list[str]) -> None:
    multilog = running(sandbox, *processor)
    before = record(multilog.pid).descriptors
    for number in (1, 2, 3):
        put_away(sandbox, multilog, number)
        multilog.write(b"more\n")
        eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"more\n")
    assert len(record(multilog.pid).descriptors) == len(before)


def with_the_clock_set_back(sandbox: Sandbox, *script: str) -> Running:
    """A multilog that has put away one file, before its clock was set back by seven hours."""
    environment, ahead = with_clock(sandbox, 7 * HOUR)
    multilog = running(sandbox, *script, env=environment)
    put_away(sandbox, multilog, 1)
    (old,) = old_files(sandbox.path / "log")
    if int(old.name[1:17], 16) - UNIX_EPOCH < time.time() + 6 * HOUR:
        raise Unavailable("the clock of this multilog cannot be shifted")
    ahead.write_text("0\n")
    return multilog


def log_and_put_away(sandbox: Sandbox, multilog: Running, line: bytes, number: int) -> None:
    """A line, and then a rotation, after which so many old files are there."""
    multilog.write(line)
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == line)
    put_away(sandbox, multilog, number)


@clause("multilog/rotate/clock-set-back")
@needs("gcc")
def test_a_clock_that_is_set_back_holds_nothing_up(sandbox: Sandbox) -> None:
    multilog = with_the_clock_set_back(sandbox)
    for number in (2, 3):
        log_and_put_away(sandbox, multilog, b"more\n", number)
    assert multilog.err == b""


@clause("multilog/rotate/order-when-clock-set-back")
@needs("gcc")
def test_names_keep_their_order_when_the_clock_is_set_back(sandbox: Sandbox) -> None:
    multilog = with_the_clock_set_back(sandbox)
    for number, line in ((2, b"second\n"), (3, b"third\n")):
        log_and_put_away(sandbox, multilog, line, number)
    assert old_contents(sandbox.path / "log") == [b"begun\n", b"second\n", b"third\n"]


@clause("multilog/rotate/newest-stay-when-clock-set-back")
@needs("gcc")
def test_the_newest_file_stays_when_the_clock_is_set_back(sandbox: Sandbox) -> None:
    multilog = with_the_clock_set_back(sandbox, "n2")
    for line in (b"second\n", b"third\n"):
        log_and_put_away(sandbox, multilog, line, 1)
    assert old_contents(sandbox.path / "log") == [b"third\n"]


@clause("multilog/rotate/stamps-when-clock-set-back")
@needs("gcc")
def test_labels_of_lines_follow_a_clock_that_is_set_back(sandbox: Sandbox) -> None:
    multilog = with_the_clock_set_back(sandbox, "t")
    multilog.write(b"later\n")
    eventually(lambda: b"later" in (sandbox.path / "log/current").read_bytes())
    (old,) = old_files(sandbox.path / "log")
    label, _, line = (sandbox.path / "log/current").read_text().partition(" ")
    assert (label < old.name, line) == (True, "later\n")


@clause("multilog/rotate/names-of-before")
def test_a_new_multilog_names_files_by_the_clock_whatever_is_there(sandbox: Sandbox) -> None:
    sandbox.write("log/@" + "7" * 24 + ".s", "future\n")
    put_away(sandbox, running(sandbox), 2)
    assert old_contents(sandbox.path / "log") == [b"begun\n", b"future\n"]


@clause("multilog/rotate/same-label")
def test_one_of_two_files_with_the_same_label_goes(sandbox: Sandbox) -> None:
    names = {"@" + "0" * 24 + ".s", "@" + "0" * 24 + ".s.gz"}
    for name in names:
        sandbox.write(f"log/{name}")
    put_away(sandbox, running(sandbox, "n3"), 2)
    assert len(names & {file.name for file in old_files(sandbox.path / "log")}) == 1


@clause("multilog/rotate/mode")
def test_old_files_have_mode_0744(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "s4096", "./log", input=lines(300))
    assert {mode(file) for file in old_files(sandbox.path / "log")} == {"0744"}


@clause("multilog/rotate/order")
def test_labels_are_in_the_order_of_the_contents(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "s4096", "n999", "./log", input=lines(20_000), within=60)
    assert contents(sandbox.path / "log") == lines(20_000)


@clause("multilog/rotate/nothing-left")
@pytest.mark.parametrize("processor", [[], ["!cat"]])
def test_nothing_but_old_files_is_left_behind(sandbox: Sandbox, processor: list[str]) -> None:
    sandbox.run("multilog", "s4096", *processor, "./log", input=lines(300))
    names = {file.name for file in (sandbox.path / "log").iterdir()}
    assert not names & {"previous", "processed", "newstate"}
    assert all(file.stat().st_nlink == 1 for file in old_files(sandbox.path / "log"))


@clause("multilog/rotate/number")
@pytest.mark.parametrize("number", [2, 3, 7])
def test_one_old_file_fewer_than_the_number_stays(sandbox: Sandbox, number: int) -> None:
    sandbox.run("multilog", "s4096", f"n{number}", "./log", input=lines(2000))
    kept = old_contents(sandbox.path / "log")
    assert len(kept) == number - 1
    assert lines(2000).endswith(contents(sandbox.path / "log"))


@clause("multilog/rotate/fewer-than-before")
def test_a_smaller_number_takes_effect_at_the_next_rotation(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    sandbox.run("multilog", "s4096", "n9", "./log", input=lines(2000))
    assert len(old_files(log)) == 8
    put_away(sandbox, running(sandbox, "n3"), 2)


@clause("multilog/rotate/what-counts")
def test_names_with_at_and_24_characters_count_and_the_smallest_goes(sandbox: Sandbox) -> None:
    names = ["@" + "0" * 24, "@" + "0" * 23 + "1.gz", "@made-by-hand-and-long-enough"]
    for name in names:
        sandbox.write(f"log/{name}")
    multilog = running(sandbox, "n4")
    put_away(sandbox, multilog, 3)
    left = {file.name for file in old_files(sandbox.path / "log")}
    assert left & set(names) == set(names[1:])


@clause("multilog/rotate/what-does-not-count")
def test_shorter_names_neither_count_nor_go(sandbox: Sandbox) -> None:
    names = ["@", "@" + "0" * 23, "0" * 25, "@old"]
    for name in names:
        sandbox.write(f"log/{name}")
    sandbox.run("multilog", "s4096", "n2", "./log", input=lines(500))
    left = {file.name for file in (sandbox.path / "log").iterdir()}
    assert left >= set(names)
    assert len([name for name in left if name.startswith("@4")]) == 1


@clause("multilog/rotate/foreign-and-smallest")
def test_what_others_have_named_so_goes_first_if_it_sorts_first(sandbox: Sandbox) -> None:
    foreign = "@" + "0" * 24 + ".backup-of-mine"
    sandbox.write(f"log/{foreign}")
    put_away(sandbox, running(sandbox, "n2"), 1)
    assert foreign not in [file.name for file in old_files(sandbox.path / "log")]


@clause("multilog/rotate/unremovable")
def test_an_old_file_that_cannot_be_removed_does_not_stop_the_log(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    (log / ("@" + "0" * 24)).mkdir(parents=True)
    multilog = running(sandbox, "s4096", "n2")
    multilog.write(lines(500))
    eventually(lambda: multilog.said)
    multilog.signal(signal.SIGTERM)
    multilog.end_input()
    assert multilog.wait(within=8).code == 0
    assert (log / "current").read_bytes() in lines(500)
    assert len(old_files(log)) == 2


@clause("multilog/rotate/steps")
@needs("strace")
def test_steps_of_a_rotation(sandbox: Sandbox) -> None:
    tracing = ["-e", f"trace={CHANGES}"]
    script = ["s4096", "./log"]
    multilog = under_strace(sandbox, files_of_log(sandbox), tracing, script, stdin=PIPE)
    multilog.write(b"x" * 4095 + b"\n" + b"y\n")
    multilog.end_input()
    multilog.wait()
    seen = changes(sandbox.path / "trace")
    begin, end = seen.index("sync current"), seen.index("remove previous") + 1
    assert seen[begin:end] == [
        "sync current",
        "rename current previous",
        "create current 0600",
        "mode current 0644",
        "mode previous 0744",
        "link previous @.s",
        "remove previous",
    ]


@clause("multilog/rotate/synced-first")
@needs("strace")
@pytest.mark.parametrize("count", [600, 10], ids=["rotations", "the end alone"])
def test_contents_are_on_disk_before_the_mode_says_so(sandbox: Sandbox, count: int) -> None:
    tracing = ["-e", f"trace=write,{CHANGES}"]
    script = ["s4096", "./log"]
    multilog = under_strace(sandbox, files_of_log(sandbox), tracing, script, stdin=PIPE)
    multilog.write(lines(count))
    multilog.end_input()
    multilog.wait()
    is_synced = False
    for change in changes(sandbox.path / "trace"):
        if change.startswith("write current"):
            is_synced = False
        elif change == "sync current":
            is_synced = True
        elif change in ("rename current previous", "mode current 0744"):
            assert is_synced, change


# ALRM


@clause("multilog/alrm/rotates")
def test_alrm_puts_a_nonempty_current_away(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    put_away(sandbox, multilog, 1)
    assert old_contents(sandbox.path / "log") == [b"begun\n"]
    assert (sandbox.path / "log/current").read_bytes() == b""


@clause("multilog/alrm/empty")
def test_alrm_does_nothing_to_an_empty_current(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    put_away(sandbox, multilog, 1)
    deliver(multilog, signal.SIGALRM)
    multilog.write(b"more\n")
    put_away(sandbox, multilog, 2)
    assert old_contents(sandbox.path / "log") == [b"begun\n", b"more\n"]


@clause("multilog/alrm/finished-current")
def test_alrm_puts_a_current_of_before_away(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "./log", input=b"before\n")
    multilog = sandbox.start("multilog", "./log", stdin=PIPE)
    eventually(lambda: mode(sandbox.path / "log/current") == "0644")
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: old_contents(sandbox.path / "log") == [b"before\n"])


@clause("multilog/alrm/all-directories")
def test_alrm_counts_for_every_directory(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "./a", "-*", "./b", "+*", "./c", stdin=PIPE)
    multilog.write(b"one\n")
    eventually(lambda: (sandbox.path / "c/current").read_bytes() == b"one\n")
    interrupt(multilog, signal.SIGALRM)
    eventually(lambda: len(old_files(sandbox.path / "c")) == 1)
    multilog.end_input()
    multilog.wait()
    assert [len(old_files(sandbox.path / name)) for name in "abc"] == [1, 0, 1]


@clause("multilog/alrm/partial-line")
@pytest.mark.parametrize(("script", "length"), [([], 3), ([], 999), (["t"], 973)])
def test_a_short_partial_line_goes_to_the_new_file_whole(
    sandbox: Sandbox, script: list[str], length: int
) -> None:
    multilog = running(sandbox, *script)
    multilog.write(b"x" * length)
    put_away(sandbox, multilog, 1)
    multilog.write(b"y\n")
    multilog.end_input()
    multilog.wait()
    stamp = b"@[0-9a-f]{24} " if script else b""
    (old,) = old_contents(sandbox.path / "log")
    assert re.fullmatch(stamp + b"begun\n", old)
    current = (sandbox.path / "log/current").read_bytes()
    assert re.fullmatch(stamp + b"x{%d}y\n" % length, current)


@clause("multilog/alrm/long-line")
@pytest.mark.parametrize(("script", "length"), [([], 1000), (["t"], 974), ([], 2000)])
def test_a_long_line_is_cut_where_it_is(sandbox: Sandbox, script: list[str], length: int) -> None:
    multilog = sandbox.start("multilog", *script, "./log", stdin=PIPE)
    current = sandbox.path / "log/current"
    multilog.write(b"x" * length)
    eventually(lambda: current.read_bytes().endswith(b"x" * length))
    put_away(sandbox, multilog, 1)
    multilog.write(b"y\n")
    multilog.end_input()
    multilog.wait()
    stamp = b"@[0-9a-f]{24} " if script else b""
    (old,) = old_contents(sandbox.path / "log")
    assert re.fullmatch(stamp + b"x{%d}" % length, old)
    assert current.read_bytes() == b"y\n"


@clause("multilog/alrm/blocked-or-ignored")
@pytest.mark.parametrize("state", [["--block", "ALRM"], ["--ignore", "ALRM"]])
def test_alrm_counts_whatever_was_inherited(sandbox: Sandbox, state: list[str]) -> None:
    multilog = sandbox.start("multilog", "./log", stdin=PIPE, prepare=state)
    multilog.write(b"begun\n")
    eventually(lambda: (sandbox.path / "log/current").read_bytes() == b"begun\n")
    put_away(sandbox, multilog, 1)


@clause("multilog/alrm/no-directory")
def test_alrm_without_a_directory_is_harmless(sandbox: Sandbox) -> None:
    multilog = sandbox.start("multilog", "e", stdin=PIPE)
    multilog.write(b"one\n")
    multilog.wait_until_err(b"one\n")
    deliver(multilog, signal.SIGALRM)
    multilog.write(b"two\n")
    multilog.wait_until_err(b"one\ntwo\n")


@clause("multilog/alrm/nothing-lost")
def test_many_alarms_lose_nothing(sandbox: Sandbox) -> None:
    multilog = running(sandbox, "n9999")
    for n in range(200):
        multilog.write(b"%d\n" % n)
        if n % 3 == 0:
            os.kill(multilog.pid, signal.SIGALRM)
    multilog.end_input()
    multilog.wait()
    expected = b"begun\n" + b"".join(b"%d\n" % n for n in range(200))
    assert contents(sandbox.path / "log") == expected


@clause("multilog/rotate/previous-replaced")
def test_a_previous_beside_a_finished_current_is_lost(sandbox: Sandbox) -> None:
    sandbox.write("log/previous", "previous")
    sandbox.write("log/current", "current", mode=0o744)
    sandbox.run("multilog", "s4096", "./log", input=lines(2000))
    assert b"previous" not in contents(sandbox.path / "log")
    assert not (sandbox.path / "log/previous").exists()
