"""svscan: which supervise it runs."""

import re

from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import (
    services,
    supervise_of,
    telling_supervise,
    waiting_supervise,
)


@clause("svscan/path/first-on-path")
def test_the_first_supervise_on_path_is_run(sandbox: Sandbox) -> None:
    told = telling_supervise(sandbox)
    services(sandbox, "a")
    sandbox.start("svscan", "service")
    eventually(lambda: told.read_text().endswith(" a\n"))


@clause("svscan/path/relative")
def test_an_empty_element_of_path_is_the_scan_directory(sandbox: Sandbox) -> None:
    services(sandbox, "a/log")
    sandbox.script("service/supervise", "echo $1 >../of.service")
    sandbox.script("service/a/supervise", "echo $1 >../../of.log")
    sandbox.start("svscan", "service", env={"PATH": ":/bin"})
    for file, name in (("of.service", "a"), ("of.log", "log")):
        told = sandbox.path / file
        eventually(lambda: told.read_text() == f"{name}\n")  # noqa: B023 - it is asked at once


@clause("svscan/path/missing")
def test_no_supervise_is_a_warning_at_each_scan(sandbox: Sandbox) -> None:
    services(sandbox, "a")
    empty = sandbox.path / "empty"
    empty.mkdir()
    svscan = sandbox.start("svscan", "service", env={"PATH": str(empty)})
    warning = b"svscan: warning: unable to start supervise a: file does not exist\n"
    svscan.wait_until_err(warning * 2, within=40)


@clause("svscan/path/missing-for-log")
def test_the_warning_names_the_log(sandbox: Sandbox) -> None:
    services(sandbox, "a", "a/log")
    empty = sandbox.path / "empty"
    empty.mkdir()
    svscan = sandbox.start("svscan", "service", env={"PATH": str(empty)})
    warning = b"svscan: warning: unable to start supervise a/log: file does not exist"
    eventually(lambda: warning in svscan.err.splitlines())


@clause("svscan/path/not-executable")
def test_a_supervise_that_may_not_be_run_is_a_warning(sandbox: Sandbox) -> None:
    services(sandbox, "a")
    sandbox.write("bin/supervise")
    svscan = sandbox.start("svscan", "service", env={"PATH": str(sandbox.path / "bin")})
    warning = b"svscan: warning: unable to start supervise a: access denied\n"
    svscan.wait_until_err(warning)


@clause("svscan/path/exit-code")
@needs("strace")
def test_the_child_that_cannot_start_supervise_exits_111(sandbox: Sandbox) -> None:
    services(sandbox, "a")
    trace = sandbox.path / "trace"
    strace = ["strace", "-f", "-o", str(trace), "-e", "trace=none", "-E", f"PATH={sandbox.path}"]
    svscan = sandbox.start_command([*strace, *sandbox.words("svscan", "service")])
    ended = re.compile(r"^\d+ +\+\+\+ exited with (\d+)", re.MULTILINE)
    eventually(lambda: ended.search(trace.read_text()))
    assert set(ended.findall(trace.read_text())) == {"111"}
    assert not svscan.has_ended()


@clause("svscan/path/tried-again")
def test_a_supervise_that_appears_later_is_used(sandbox: Sandbox) -> None:
    services(sandbox, "1000")
    path = sandbox.path / "bin"
    svscan = sandbox.start("svscan", "service", env={"PATH": str(path)})
    eventually(lambda: svscan.said)
    waiting_supervise(sandbox)
    eventually(lambda: supervise_of(svscan, "1000"), within=40)
