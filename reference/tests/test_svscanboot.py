"""svscanboot: the two extensions, and how it finds services that an earlier svscan left."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemontools.programs import svscanboot

DJBS = b"/command:/usr/local/bin:/usr/local/sbin:/bin:/sbin:/usr/bin:/usr/sbin:/usr/X11R6/bin"


def test_its_own_directory_comes_first_on_path() -> None:
    assert svscanboot.path_after(b"/opt/daemontools/bin") == b"/opt/daemontools/bin:" + DJBS


def test_in_command_the_path_is_that_of_the_original() -> None:
    assert svscanboot.path_after(b"/command") == DJBS


def test_left_over_are_services_and_logs_without_dotted_names(tmp_path: Path) -> None:
    for name in ("b", "a/log", ".hidden/log"):
        (tmp_path / name).mkdir(parents=True)
    folder = os.fsencode(tmp_path)
    assert svscanboot.left_over(folder) == [folder + name for name in (b"/a", b"/b", b"/a/log")]


def test_a_missing_directory_has_nothing_left_over(tmp_path: Path) -> None:
    assert svscanboot.left_over(os.fsencode(tmp_path / "nowhere")) == []


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Launchers of all programs."""
    folder = tmp_path / "bin"
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", folder], check=True)
    return folder


@pytest.fixture
def path_in_tree(tmp_path: Path) -> Iterator[Callable[..., bytes]]:
    """Start a command, svscanboot without its operand; the PATH of a service in its tree."""
    service = tmp_path / "service" / "here"
    service.mkdir(parents=True)
    (service / "run").write_text(
        "#!/bin/sh\necho $PATH >path.new\nmv path.new path\nexec sleep 99\n"
    )
    (service / "run").chmod(0o755)
    started = []

    def start(*command: str | Path) -> bytes:
        started.append(subprocess.Popen([*command, service.parent], process_group=0))
        deadline = time.monotonic() + 30
        while not (service / "path").exists():
            assert time.monotonic() < deadline, "the service was not started"
            time.sleep(0.01)
        return (service / "path").read_bytes().strip()

    yield start
    for boot in started:
        # ./run is in the process group of svscanboot, like the other processes.
        os.killpg(boot.pid, signal.SIGKILL)
        boot.wait()


def test_the_directory_may_be_given(path_in_tree: Callable[..., bytes], programs: Path) -> None:
    path = path_in_tree(programs / "svscanboot")
    assert path == os.fsencode(programs) + b":" + DJBS


def test_called_through_a_link_it_takes_the_directory_of_its_file(
    path_in_tree: Callable[..., bytes], programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "links").mkdir()
    (tmp_path / "links/boot").symlink_to("more")
    (tmp_path / "links/more").symlink_to(programs / "svscanboot")
    for name in ("svscan", "supervise", "readproctitle", "svc"):  # of somebody else's
        (tmp_path / "links" / name).write_text("#!/bin/sh\ntouch trapped\n")
        (tmp_path / "links" / name).chmod(0o755)
    path = path_in_tree(tmp_path / "links/boot")
    assert path == os.fsencode(programs) + b":" + DJBS


@pytest.mark.parametrize("file", [b"/command/svscanboot", b"/command/../command/svscanboot"])
def test_called_in_command_it_takes_command(file: bytes) -> None:
    assert svscanboot.own_directory(file) == b"/command"


def test_ignored_sigchld_does_not_hinder(
    path_in_tree: Callable[..., bytes], programs: Path
) -> None:
    assert path_in_tree("env", "--ignore-signal=CHLD", programs / "svscanboot")
