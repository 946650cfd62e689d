"""When svscan calls supervise in the forked process, and when it executes it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from daemontools import install

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")

Tree = Callable[..., bool]


def address_of_arguments(pid: int) -> int:
    """The address of the arguments: the same as in svscan until exec chooses a random one."""
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[45])


def supervise_of(svscan: int, name: str) -> int:
    """Wait until svscan has a child that shows `supervise NAME`; its process id."""
    wanted = b"supervise\0" + name.encode()
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_bytes().rpartition(b")")[2].split()[1])
                arguments = stat.with_name("cmdline").read_bytes()
            except OSError:
                continue
            if parent == svscan and arguments.rstrip(b"\0") == wanted:
                return int(stat.parent.name)
        time.sleep(0.02)
    raise AssertionError(f"svscan has no child `supervise {name}`")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for launchers."""
    return tmp_path / "bin"


@pytest.fixture
def is_called_in_the_fork(tmp_path: Path, folder: Path) -> Iterator[Tree]:
    """Start svscan from launchers with these options. Is supervise called, and not executed?"""
    started = []

    def start(*options: str, name: str = "clock", before: str = "") -> bool:
        subprocess.run(
            [sys.executable, "-I", "-m", "daemontools.install", *options, folder], check=True
        )
        service = tmp_path / "service" / name
        service.mkdir(parents=True)
        (service / "down").touch()
        path = f"{before}{tmp_path / 'first'}:{folder}:/usr/bin:/bin"
        svscan = subprocess.Popen(
            [folder / "svscan", service.parent], env={"PATH": path}, process_group=0
        )
        started.append(svscan)
        child = supervise_of(svscan.pid, name)
        return address_of_arguments(child) == address_of_arguments(svscan.pid)

    yield start
    for svscan in started:
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()


def test_our_own_launcher_is_called(is_called_in_the_fork: Tree) -> None:
    assert is_called_in_the_fork()


def test_with_no_chain_it_is_executed(is_called_in_the_fork: Tree) -> None:
    assert not is_called_in_the_fork("--no-chain")


def test_a_name_that_does_not_fit_is_executed(is_called_in_the_fork: Tree) -> None:
    assert not is_called_in_the_fork(name="n" * 255)


def test_another_supervise_that_comes_first_is_executed(
    is_called_in_the_fork: Tree, tmp_path: Path, folder: Path
) -> None:
    first = tmp_path / "first"
    first.mkdir()
    # The same program in another file: the identity of the file decides, not its content.
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", first], check=True)
    assert not is_called_in_the_fork()
    assert (first / "supervise").read_bytes() == (folder / "supervise").read_bytes()


@pytest.mark.parametrize("before", ["missing/relative:", ":"])
def test_an_element_that_depends_on_the_working_directory_changes_nothing(
    is_called_in_the_fork: Tree, before: str
) -> None:
    assert is_called_in_the_fork(before=before)


def test_a_supervise_that_may_not_be_executed_changes_nothing(
    is_called_in_the_fork: Tree, tmp_path: Path
) -> None:
    (tmp_path / "first" / "supervise").mkdir(parents=True)
    assert is_called_in_the_fork()


def test_an_error_of_the_search_that_comes_first_is_reported(tmp_path: Path, folder: Path) -> None:
    """As execve does: a file in the place of a folder ends the search."""
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", folder], check=True)
    (tmp_path / "service" / "clock").mkdir(parents=True)
    (tmp_path / "file").touch()
    command = [folder / "svscan", tmp_path / "service"]
    path = {"PATH": f"{tmp_path / 'file'}:{folder}"}
    with subprocess.Popen(command, env=path, stderr=subprocess.PIPE) as svscan:
        assert svscan.stderr
        said = svscan.stderr.readline()
        svscan.kill()
    assert said == b"svscan: warning: unable to start supervise clock: not a directory\n"


# As docs/howto/install.md tells


def test_after_an_upgrade_supervise_is_executed_until_svscan_is_new(
    tmp_path: Path, folder: Path
) -> None:
    tree = tmp_path / "service"
    (tree / "old").mkdir(parents=True)
    (tree / "old/down").touch()
    words: list[str | Path] = ["--library", tmp_path / "library", folder]
    subprocess.run([sys.executable, "-I", "-m", "daemontools.install", *words], check=True)
    path = {"PATH": f"{folder}:/usr/bin:/bin"}
    svscan = subprocess.Popen([folder / "svscan", tree], env=path, process_group=0)
    try:
        old = supervise_of(svscan.pid, "old")
        upgrade(tmp_path / "checkout", words)
        (tree / "new").mkdir()
        (tree / "new/down").touch()
        new = supervise_of(svscan.pid, "new")
        assert address_of_arguments(new) != address_of_arguments(svscan.pid)
        assert supervise_of(svscan.pid, "old") == old
    finally:
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()
    svscan = subprocess.Popen([folder / "svscan", tree], env=path, process_group=0)
    try:
        new = supervise_of(svscan.pid, "new")
        assert address_of_arguments(new) == address_of_arguments(svscan.pid)
    finally:
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()


def upgrade(checkout: Path, words: "list[str | Path]") -> None:
    """Install another version, from a copy of the package with one more comment."""
    shutil.copytree(Path(install.__file__).parent, checkout / "daemontools")
    with (checkout / "daemontools/core/scan.py").open("a") as module:
        module.write("# another version\n")
    code = f"import sys; sys.path.insert(0, {str(checkout)!r}); "
    code += "import daemontools.install as i; i.main()"
    subprocess.run([sys.executable, "-I", "-c", code, *words], check=True)
