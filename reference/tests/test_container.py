"""packaging/container: the entrypoint as process 1 of a pid namespace, and the recipe's image.

The recipe needs an image of Debian and a package index. A private machine takes the place of
both: each line of the recipe is carried out there, and the entrypoint started as it says.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from companion import behind_its_service, is_up, launchers, numbers, service, wait_until
from private_machine import LOCAL, ROOT, Machine, problem

from daemontools import logs, services

ENTRYPOINT = ROOT / "packaging/container/entrypoint"
RECIPE = ROOT / "packaging/container/Containerfile"
NAMESPACE = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]
STUBBORN = "trap '' TERM\nwhile :; do sleep 0.1; done"
FAREWELL = "trap 'echo farewell; exit' TERM\necho hello\nwhile :; do sleep 0.1; done"


def _may_make_one() -> bool:
    if os.geteuid() != 0 or not shutil.which("unshare"):
        return False
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.once,
    pytest.mark.skipif(not _may_make_one(), reason="needs a pid namespace"),
]

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin")).parent


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A service that says something when it ends."""
    return service(tmp_path / "tree/web", FAREWELL).parent


@pytest.fixture
def start(bin_folder: Path, tree: Path) -> Iterator[Start]:
    """Start the entrypoint as process 1; wait until the service has said hello."""
    started = []

    def start(*options: str, **variables: str) -> "subprocess.Popen[bytes]":
        environment = {"PATH": f"{bin_folder}:/usr/bin:/bin", **variables}
        call: list[str | Path] = [*NAMESPACE, ENTRYPOINT, *options, tree]
        # A shell cannot catch a signal that it was started with ignored.
        default = signal.signal(signal.SIGINT, signal.SIG_DFL)
        started.append(subprocess.Popen(call, env=environment, stderr=subprocess.PIPE))
        signal.signal(signal.SIGINT, default)
        wait_until(lambda: b"hello" in log(tree), "hello in the log")
        return started[-1]

    yield start
    for process in started:
        with process:  # closes its pipe, waits
            process.kill()


def log(tree: Path) -> bytes:
    try:
        return (tree / "web/log/main/current").read_bytes()
    except FileNotFoundError:
        return b""


def said(container: "subprocess.Popen[bytes]", about: Path) -> list[str]:
    """What the entrypoint has said of late services and loggers in this directory."""
    assert container.stderr
    lines = container.stderr.read().decode().splitlines()
    return [line for line in lines if line.startswith(f"entrypoint: {about}")]


def signal_entrypoint(namespace: "subprocess.Popen[bytes]", number: int) -> None:
    """Send a signal to process 1, the child of unshare."""
    children = Path(f"/proc/{namespace.pid}/task/{namespace.pid}/children").read_text().split()
    os.kill(int(children[0]), number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_last_words_of_a_service_are_in_its_log(start: Start, tree: Path, number: int) -> None:
    container = start()
    signal_entrypoint(container, number)
    assert container.wait(30) == 0
    assert log(tree).splitlines()[-1].endswith(b" farewell")


def test_a_service_that_ignores_term_is_killed_in_time(start: Start, tree: Path) -> None:
    service(tree / "stubborn", STUBBORN, log=False)
    container = start("-t", "1")
    wait_until((tree / "stubborn/supervise/status").exists, "stubborn is supervised")
    begun = time.monotonic()
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    assert time.monotonic() - begun > 1
    assert said(container, tree) == [f"entrypoint: {tree}/stubborn is late: it gets KILL"]
    assert log(tree).splitlines()[-1].endswith(b" farewell")


def test_a_slow_logger_reads_to_the_end(start: Start, tree: Path) -> None:
    wordy = behind_its_service(tree / "wordy")
    container = start("-t", "60")
    wait_until((wordy / "log/main/previous").exists, "the logger has its first file")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(90) == 0
    assert numbers(wordy) == [*range(1, 101)]


def test_a_logger_that_gets_too_little_time_is_named(start: Start, tree: Path) -> None:
    wordy = behind_its_service(tree / "wordy", seconds=1000)
    container = start("-t", "0")
    wait_until((wordy / "log/main/previous").exists, "the logger has its first file")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    assert f"entrypoint: {wordy}/log is late: it gets TERM" in said(container, tree)


def test_an_orphan_that_holds_the_pipe_does_not_hold_the_container(
    start: Start, tree: Path
) -> None:
    run = tree / "web/run"
    run.write_text(run.read_text().replace("echo hello", "setsid sleep 1000 &\necho hello"))
    container = start("-t", "2")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    assert said(container, tree) == [f"entrypoint: {tree}/web/log is late: it gets TERM"]
    assert log(tree).splitlines()[-1].endswith(b" farewell")


def test_an_orphan_that_holds_the_pipe_costs_a_line_without_an_end(
    start: Start, tree: Path
) -> None:
    run = tree / "web/run"
    text = run.read_text().replace("echo farewell", "echo whole; printf half")
    run.write_text(text.replace("echo hello", "setsid sleep 1000 &\necho hello"))
    container = start("-t", "2")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    assert log(tree).splitlines()[-1].endswith(b" whole")


@pytest.mark.parametrize(("options", "handed_on"), [((), False), (("-e",), True)])
def test_the_environment_is_handed_on_if_asked(
    start: Start, tree: Path, options: tuple[str, ...], handed_on: bool
) -> None:
    run = tree / "web/run"
    run.write_text(run.read_text().replace("echo hello", 'echo "secret is $SECRET, hello"'))
    start(*options, SECRET="open")
    assert (b"secret is open, hello" in log(tree)) == handed_on


def test_a_service_ignores_no_signal(start: Start, tree: Path) -> None:
    run = tree / "web/run"
    look = "grep SigIgn /proc/self/status\necho hello"
    run.write_text(run.read_text().replace("echo hello", look))
    start()
    assert b"SigIgn:\t0000000000000000\n" in log(tree)


def test_orphans_are_reaped(start: Start, tree: Path) -> None:
    run = tree / "web/run"
    run.write_text(run.read_text().replace("echo hello", "(sleep 0.1 &)\n" * 5 + "echo hello"))
    container = start()
    children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text().split()
    listing = ["ps", "-o", "stat=", "--ppid", children[0]]

    def has_no_zombie() -> bool:
        return b"Z" not in subprocess.run(listing, capture_output=True, check=False).stdout

    wait_until(has_no_zombie, "no zombie")


def test_the_code_of_an_svscan_that_ends_by_itself(bin_folder: Path, tmp_path: Path) -> None:
    environment = {"PATH": f"{bin_folder}:/usr/bin:/bin"}
    call: list[str | Path] = [*NAMESPACE, ENTRYPOINT, tmp_path / "missing"]
    assert subprocess.run(call, env=environment, stderr=-3, check=False).returncode == 111


def test_a_logger_that_is_down_is_named(start: Start, tree: Path, bin_folder: Path) -> None:
    container = start("-t", "30")
    subprocess.run([bin_folder / "svc", "-d", tree / "web/log"], check=True)
    wait_until(lambda: not is_up(tree / "web/log"), "the logger is down")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    lost = "what is in its pipe is lost"
    assert said(container, tree) == [f"entrypoint: {tree}/web/log is down: {lost}"]
    assert log(tree).endswith(b" hello\n")


def test_a_logger_that_is_wanted_down_is_named(start: Start, tree: Path, bin_folder: Path) -> None:
    web = tree / "web/log"
    (web / "run").write_text("#!/bin/sh\nexec multilog t '!sleep 3; cat' ./main\n")
    container = start("-t", "30")
    subprocess.run([bin_folder / "svc", "-a", web], check=True)
    wait_until((web / "main/previous").exists, "the processor has a file")
    subprocess.run([bin_folder / "svc", "-d", web], check=True)
    wait_until(lambda: services.status(web).wanted == "down", "d is obeyed")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 1
    lost = "is wanted down: what it leaves in its pipe is lost"
    assert said(container, tree) == [f"entrypoint: {web} {lost}"]
    assert not any(b"farewell" in line.text for line in logs.lines(web / "main"))


def test_a_logger_that_was_started_once_reads_to_the_end(
    start: Start, tree: Path, bin_folder: Path
) -> None:
    container = start("-t", "30")
    subprocess.run([bin_folder / "svc", "-o", tree / "web/log"], check=True)
    wait_until(lambda: services.status(tree / "web/log").wanted != "up", "o is obeyed")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 0
    assert said(container, tree) == []
    assert log(tree).splitlines()[-1].endswith(b" farewell")


def test_a_paused_logger_reads_to_the_end(start: Start, tree: Path, bin_folder: Path) -> None:
    container = start("-t", "30")
    subprocess.run([bin_folder / "svc", "-p", tree / "web/log"], check=True)
    wait_until(lambda: services.status(tree / "web/log").is_paused, "the logger is paused")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 0
    assert log(tree).splitlines()[-1].endswith(b" farewell")


def test_a_logger_that_cannot_start_is_not_named(
    start: Start, tree: Path, bin_folder: Path
) -> None:
    container = start("-t", "30")
    web = tree / "web/log"
    (web / "run").write_text("#!/bin/sh\nexit 1\n")
    pid = services.status(web).pid
    subprocess.run([bin_folder / "svc", "-t", web], check=True)
    wait_until(lambda: services.status(web).pid != pid, "it is started again")
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 0
    assert said(container, tree) == []
    assert log(tree).endswith(b" hello\n")


def test_what_svok_cannot_tell_is_said_and_the_others_are_stopped(start: Start, tree: Path) -> None:
    (tree / "a file").touch()
    container = start("-t", "30")
    (tree / "odd/supervise/ok").mkdir(parents=True)
    signal_entrypoint(container, signal.SIGTERM)
    assert container.wait(60) == 2
    unknown = f"entrypoint: {tree}/odd is left: nobody can tell whether it runs"
    assert said(container, tree) == [unknown]
    assert log(tree).splitlines()[-1].endswith(b" farewell")


@pytest.mark.parametrize("seconds", ["abc", "25s", "1.5", "-1", "08", "9" * 10, ""])
def test_what_is_no_number_of_seconds_is_refused_before_the_start(
    tmp_path: Path, seconds: str
) -> None:
    for name in ("svc", "svok", "svstat", "env"):
        (tmp_path / name).symlink_to("/bin/true")
    call = ["/bin/sh", str(ENTRYPOINT), "-t", seconds, str(tmp_path)]
    path = {"PATH": str(tmp_path)}
    ended = subprocess.run(
        call, env=path, check=False, timeout=60, stderr=subprocess.PIPE, text=True
    )
    said = f"entrypoint: {seconds} is not a number of seconds\n"
    assert (ended.returncode, ended.stderr) == (2, said)


@pytest.mark.parametrize("missing", ["svc", "svok", "svstat"])
def test_without_the_programs_of_the_stop_it_does_not_start(tmp_path: Path, missing: str) -> None:
    for name in {"svc", "svok", "svstat", "svscan"} - {missing}:
        (tmp_path / name).symlink_to("/bin/true")
    call = ["/bin/sh", str(ENTRYPOINT), str(tmp_path)]
    path = {"PATH": str(tmp_path)}
    ended = subprocess.run(
        call, env=path, check=False, timeout=60, stderr=subprocess.PIPE, text=True
    )
    said = f"entrypoint: {missing} is not on the PATH {tmp_path}\n"
    assert (ended.returncode, ended.stderr) == (2, said)


# The image


def carry_out(machine: Machine, instruction: str, words: str) -> None:
    """Do on the machine what a line of the recipe says."""
    if instruction == "RUN":
        # Without a network, apt says whether it knows the packages, or has them already.
        script = words.replace("apt-get update && apt-get install", "apt-get --simulate install")
        machine.answers(script)
    elif instruction == "COPY":
        *sources, target = words.split()
        machine.answers(f"mkdir -p $(dirname {target}x)")
        for source in sources:  # of a folder, what is in it
            machine.answers(f"[ ! -d {source} ] || mkdir -p {target}")
            machine.answers(f"cp -R {source}$([ ! -d {source} ] || echo /.) {target}")
    else:
        assert (instruction, words) == ("FROM", "debian:stable-slim")


@pytest.fixture
def image(tmp_path: Path) -> Iterator[tuple[Machine, list[str]]]:
    """A machine that is as the recipe says, and the entrypoint's words."""
    if problem():
        pytest.skip(problem())
    lines = [line.partition(" ") for line in RECIPE.read_text().splitlines() if line[0] != "#"]
    *steps, (last, _, entrypoint) = lines
    assert last == "ENTRYPOINT"
    with Machine(tmp_path, "sleep", "infinity") as machine:
        if not machine.file("/etc/debian_version").exists():
            pytest.skip("needs Debian")
        for instruction, _, words in steps:
            carry_out(machine, instruction, words)
        yield machine, json.loads(entrypoint)


def test_the_image_of_the_recipe_stops_its_services_in_order(
    image: tuple[Machine, list[str]],
) -> None:
    machine, entrypoint = image
    assert not machine.file("/src").exists()
    web = service(machine.file("/service/web"), FAREWELL)
    container = machine.start(*NAMESPACE, "env", "-i", f"PATH={LOCAL}", *entrypoint)
    wait_until(lambda: b"hello" in log(web.parent), "hello in the log")
    machine.run("pkill", "-TERM", "-o", "-x", "entrypoint")
    assert container.wait(60) == 0
    assert log(web.parent).splitlines()[-1].endswith(b" farewell")
    assert not machine.succeeds("pgrep -x 'svscan|supervise|multilog'")
