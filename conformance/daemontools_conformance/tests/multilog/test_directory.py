"""multilog: log directories, their files and modes, locks, and errors at the start."""

import fcntl
import os
from pathlib import Path

import pytest

from daemontools_conformance.helpers.logdirs import mode, old_files
from daemontools_conformance.helpers.marks import AS_NOBODY, AS_USER, clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import PIPE, Sandbox
from daemontools_conformance.tests.multilog.logging import running
from daemontools_conformance.tests.multilog.refusing import without_reading


def fatal(sandbox: Sandbox, *script: str, **options: list[str]) -> tuple[int, bytes]:
    """The exit code and the message of a multilog that cannot start."""
    answer = sandbox.run("multilog", *script, prepare=options.get("prepare", []))
    return answer.code, answer.err


def snapshot(log: Path) -> dict[str, tuple[str, bytes]]:
    """The mode and the content of each file of a log directory."""
    return {file.name: (mode(file), file.read_bytes()) for file in log.iterdir()}


@clause("multilog/directory/modes")
def test_directory_is_created_with_mode_0700(sandbox: Sandbox) -> None:
    running(sandbox)
    assert mode(sandbox.path / "log") == "0700"


@clause("multilog/directory/created")
@pytest.mark.parametrize("umask", ["077", "0"])
def test_current_is_created_for_all_to_read(sandbox: Sandbox, umask: str) -> None:
    assert mode(directory_made_under(sandbox, umask) / "current") == "0644"


@clause("multilog/directory/modes")
@pytest.mark.parametrize("umask", ["077", "0"])
def test_umask_does_not_matter(sandbox: Sandbox, umask: str) -> None:
    log = directory_made_under(sandbox, umask)
    modes = {file.name: mode(file) for file in (log, log / "lock", log / "state")}
    assert modes == {"log": "0700", "lock": "0600", "state": "0644"}


def directory_made_under(sandbox: Sandbox, umask: str) -> Path:
    """The directory that a multilog under this umask has created; it still runs."""
    multilog = sandbox.start("multilog", "./log", stdin=PIPE, prepare=["--umask", umask])
    multilog.write(b"one\n")
    log = sandbox.path / "log"
    eventually((log / "current").read_bytes)
    return log


@clause("multilog/directory/parents")
def test_parents_are_not_created(sandbox: Sandbox) -> None:
    assert sandbox.run("multilog", "./a/b").code == 111
    assert list(sandbox.path.iterdir()) == []


@clause("multilog/directory/existing")
def test_mode_of_an_existing_directory_is_kept(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir(mode=0o750)
    (sandbox.path / "log").chmod(0o2750)
    running(sandbox)
    assert mode(sandbox.path / "log") == "2750"


@clause("multilog/directory/files")
def test_a_running_log_has_three_files(sandbox: Sandbox) -> None:
    running(sandbox)
    names = {file.name for file in (sandbox.path / "log").iterdir()}
    assert names == {"current", "lock", "state"}


@clause("multilog/directory/finished")
def test_current_has_mode_0744_after_the_end(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    multilog.end_input()
    multilog.wait()
    assert mode(sandbox.path / "log/current") == "0744"


@clause("multilog/directory/finished")
def test_no_input_at_all_leaves_an_empty_finished_current(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "./log")
    current = sandbox.path / "log/current"
    assert (current.read_bytes(), mode(current)) == (b"", "0744")


@clause("multilog/directory/current-0644-again")
def test_current_has_mode_0644_again_after_a_new_start(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "./log", input=b"one\n")
    running(sandbox)
    assert mode(sandbox.path / "log/current") == "0644"


@clause("multilog/directory/foreign-files")
def test_files_of_other_names_are_left_alone(sandbox: Sandbox) -> None:
    for name in ("notes", "@short", "x" * 40, ".hidden", "config"):
        sandbox.write(f"log/{name}", name)
    sandbox.run("multilog", "s4096", "n2", "./log", input=b"line\n" * 5000)
    for name in ("notes", "@short", "x" * 40, ".hidden", "config"):
        assert (sandbox.path / "log" / name).read_text() == name


@clause("multilog/directory/relative")
def test_directories_are_found_from_the_directory_of_the_start(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "./a", "./b", "./a/c", input=b"one\n")
    for name in ("a", "b", "a/c"):
        assert (sandbox.path / name / "current").read_bytes() == b"one\n"


@clause("multilog/directory/link")
def test_a_link_to_a_directory_will_do(sandbox: Sandbox) -> None:
    (sandbox.path / "real").mkdir()
    (sandbox.path / "log").symlink_to("real")
    running(sandbox)
    assert (sandbox.path / "real/current").read_bytes() == b"begun\n"


@clause("multilog/lock/second")
def test_second_multilog_fails_at_once(sandbox: Sandbox) -> None:
    running(sandbox)
    answer = without_reading(sandbox, "./log")
    assert (answer.code, bool(answer.said)) == (111, True)


@clause("multilog/lock/second-message")
def test_what_second_multilog_says(sandbox: Sandbox) -> None:
    running(sandbox)
    expected = b"multilog: fatal: unable to lock directory ./log: temporary failure\n"
    assert sandbox.run("multilog", "./log").err == expected


@clause("multilog/lock/second")
def test_second_multilog_changes_nothing(sandbox: Sandbox) -> None:
    running(sandbox)
    before = snapshot(sandbox.path / "log")
    sandbox.run("multilog", "./log", input=b"two\n")
    assert snapshot(sandbox.path / "log") == before


@clause("multilog/lock/same-directory-twice")
@pytest.mark.parametrize("again", ["./log", "./log/", ".//log"])
def test_directory_that_stands_there_twice_fails(sandbox: Sandbox, again: str) -> None:
    assert without_reading(sandbox, "./log", again).code == 111


@clause("multilog/lock/flock")
def test_lock_is_flock_of_the_file_lock(sandbox: Sandbox) -> None:
    running(sandbox)
    with open(sandbox.path / "log/lock") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@clause("multilog/lock/flock")
def test_anybody_may_hold_the_lock(sandbox: Sandbox) -> None:
    sandbox.write("log/lock")
    with open(sandbox.path / "log/lock") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert sandbox.run("multilog", "./log").code == 111


@clause("multilog/lock/released")
def test_lock_ends_with_the_process(sandbox: Sandbox) -> None:
    multilog = running(sandbox)
    multilog.popen.kill()
    multilog.wait()
    running(sandbox)


@clause("multilog/lock/not-inherited")
def test_processor_does_not_hold_the_lock(sandbox: Sandbox) -> None:
    body = "cat; sleep 1000 >/dev/null 2>&1 4>&- 5>&- &"
    multilog = sandbox.start("multilog", "s4096", f"!{body}", "./log", stdin=PIPE)
    multilog.write(b"line\n" * 1000)
    eventually(lambda: old_files(sandbox.path / "log"))
    multilog.end_input()
    multilog.wait()
    running(sandbox)


@clause("multilog/error/open-directory")
@pytest.mark.parametrize(
    ("directory", "reason"),
    [
        ("./file", b"not a directory"),
        ("./file/log", b"not a directory"),
        ("./dangling", b"file does not exist"),
        ("./loop", b"symbolic link loop"),
        ("./" + "n" * 300, b"file name too long"),
        ("/no/such/log", b"file does not exist"),
    ],
)
def test_directory_that_cannot_be_opened_gives_111(
    sandbox: Sandbox, directory: str, reason: bytes
) -> None:
    sandbox.write("file")
    (sandbox.path / "dangling").symlink_to("nowhere")
    (sandbox.path / "loop").symlink_to("loop")
    expected = b"multilog: fatal: unable to open directory %s: %s\n" % (directory.encode(), reason)
    answer = without_reading(sandbox, directory)
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/error/open-directory")
@needs("root")
def test_directory_that_may_not_be_read_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir(mode=0o300)
    expected = b"multilog: fatal: unable to open directory ./log: access denied\n"
    answer = without_reading(sandbox, "./log", prepare=AS_NOBODY)
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/error/lock")
@needs("root")
def test_lock_that_may_not_be_opened_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir(mode=0o755)
    expected = b"multilog: fatal: unable to lock directory ./log: access denied\n"
    assert fatal(sandbox, "./log", prepare=AS_NOBODY) == (111, expected)


@clause("multilog/error/lock")
def test_lock_that_is_a_directory_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log/lock").mkdir(parents=True)
    expected = b"multilog: fatal: unable to lock directory ./log: is a directory\n"
    assert fatal(sandbox, "./log") == (111, expected)


@clause("multilog/error/stat")
@pytest.mark.parametrize("file", ["current", "processed"])
def test_file_that_cannot_be_looked_at_gives_111(sandbox: Sandbox, file: str) -> None:
    (sandbox.path / "log").mkdir()
    (sandbox.path / "log" / file).symlink_to(file)
    expected = f"multilog: fatal: unable to stat ./log/{file}: symbolic link loop\n"
    assert fatal(sandbox, "./log") == (111, expected.encode())


@clause("multilog/error/state")
def test_state_that_cannot_be_made_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log/state").mkdir(parents=True)
    expected = b"multilog: fatal: unable to write to ./log/state: is a directory\n"
    assert fatal(sandbox, "./log") == (111, expected)


@clause("multilog/error/current-directory")
def test_current_that_is_a_directory_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log/current").mkdir(parents=True)
    expected = b"multilog: fatal: unable to append to ./log/current: is a directory\n"
    assert fatal(sandbox, "./log") == (111, expected)


@clause("multilog/error/current-not-created")
def test_current_that_cannot_be_made_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "log").mkdir()
    (sandbox.path / "log/current").symlink_to("nowhere/current")
    expected = b"multilog: fatal: unable to write to ./log/current: file does not exist\n"
    assert fatal(sandbox, "./log") == (111, expected)


@clause("multilog/error/current-refused")
def test_current_that_may_not_be_written_gives_111(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    log.mkdir()
    log.chmod(0o777)
    sandbox.write("log/current", mode=0o544)
    expected = b"multilog: fatal: unable to append to ./log/current: access denied\n"
    assert fatal(sandbox, "./log", prepare=AS_USER) == (111, expected)


@clause("multilog/error/current-of-another")
@needs("root")
def test_current_whose_mode_may_not_be_set_gives_111(sandbox: Sandbox) -> None:
    log = sandbox.path / "log"
    log.mkdir()
    os.chown(log, 65534, 65534)
    sandbox.write("log/current", mode=0o766)
    expected = b"multilog: fatal: unable to set mode of ./log/current: permission denied\n"
    assert fatal(sandbox, "./log", prepare=AS_NOBODY) == (111, expected)


@clause("multilog/error/starting-directory")
def test_starting_directory_that_cannot_be_opened_gives_111(sandbox: Sandbox) -> None:
    (sandbox.path / "closed").mkdir(mode=0o111)
    reader, writer = os.pipe()
    os.close(writer)
    answer = sandbox.run("multilog", "e", stdin=reader, cwd="closed", prepare=AS_USER)
    os.close(reader)
    expected = b"multilog: fatal: unable to switch to current directory: access denied\n"
    assert (answer.code, answer.err) == (111, expected)


@clause("multilog/error/other-directories-stay")
def test_directories_before_the_failing_one_were_opened(sandbox: Sandbox) -> None:
    sandbox.run("multilog", "./a", "./no/such")
    assert mode(sandbox.path / "a/current") == "0644"
