"""What the interpreter does before our first line runs, as the deviations page declares it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from daemontools import install

LIBRARY = str(Path(install.__file__).parents[1])
# What each program needs to be given, so that it does its work and ends.
WORDS = {
    "envdir": ["env", "true"],
    "envuidgid": ["root", "true"],
    "fghack": ["true"],
    "multilog": ["t", "-*a*", "./log"],
    "pgrphack": ["true"],
    "readproctitle": ["errors:", "....."],
    "setlock": ["lock", "true"],
    "setuidgid": ["root", "true"],
    "softlimit": ["true"],
    "supervise": ["nowhere"],
    "svc": ["-u", "nowhere"],
    "svok": ["nowhere"],
    "svscan": ["nowhere"],
    "svscanboot": ["nowhere"],
    "svstat": ["nowhere"],
    "tai64n": [],
    "tai64nlocal": [],
}


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the launchers."""
    folder = tmp_path_factory.mktemp("commands")
    install.install(folder, sys.executable, LIBRARY)
    return folder


@pytest.fixture
def svok(commands: Path) -> Path:
    """The launcher of svok: without an operand it exits 100."""
    return commands / "svok"


@pytest.mark.parametrize("descriptor", [0, 1, 2])
def test_a_directory_as_a_standard_descriptor_stops_it(svok: Path, descriptor: int) -> None:
    script = f'exec "$0" {descriptor}</'
    finished = subprocess.run(["sh", "-c", script, svok], check=False, capture_output=True)
    assert finished.returncode == 1


def test_a_fifo_named_by_tz_is_waited_for(svok: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen([svok], env={"TZ": f":{fifo}"}, stderr=subprocess.DEVNULL) as running:
        os.close(_opened_by_a_reader(fifo))
        assert running.wait(60) == 100


@pytest.mark.parametrize("variable", ["LC_ALL", "LC_CTYPE", "LANG"])
def test_a_fifo_in_place_of_a_locale_is_waited_for(
    svok: Path, tmp_path: Path, variable: str
) -> None:
    fifo = tmp_path / "xx_XX" / "LC_CTYPE"
    fifo.parent.mkdir()
    os.mkfifo(fifo)
    env = {"LOCPATH": str(tmp_path), variable: "xx_XX"}
    with subprocess.Popen([svok], env=env, stderr=subprocess.DEVNULL) as running:
        try:
            os.close(_opened_by_a_reader(fifo))
        finally:
            running.kill()


def _opened_by_a_reader(fifo: Path) -> int:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.01)
    raise AssertionError("nobody opened the FIFO")


# The library


def _run(
    commands: Path, program: str, folder: Path, descriptors: int = 64
) -> subprocess.CompletedProcess[bytes]:
    (folder / "env").mkdir(exist_ok=True)
    return subprocess.run(
        [commands / program, *WORDS[program]],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors)),
    )


def test_each_program_is_tried() -> None:
    assert sorted(WORDS) == install.programs()


@pytest.mark.parametrize("program", WORDS)
def test_without_its_library_a_program_says_so_in_one_line(tmp_path: Path, program: str) -> None:
    install.install(tmp_path / "bin", sys.executable, str(tmp_path / "removed"))
    finished = _run(tmp_path / "bin", program, tmp_path)
    message = b"%s: fatal: unable to load its modules: ModuleNotFoundError(" % program.encode()
    assert finished.returncode == 111
    assert finished.stderr.startswith(message)
    assert finished.stderr.count(b"\n") == 1


@pytest.mark.parametrize("content", ["this is no Python", "raise SystemExit(0)", "1 / 0"])
def test_with_a_broken_library_too(tmp_path: Path, content: str) -> None:
    install.install(tmp_path / "bin", sys.executable, install.copy(tmp_path, sys.executable))
    (tmp_path / "daemontools/unix/messages.py").write_text(content)
    finished = _run(tmp_path / "bin", "svok", tmp_path)
    assert finished.returncode == 111
    assert finished.stderr.startswith(b"svok: fatal: unable to load its modules: ")
    assert finished.stderr.count(b"\n") == 1


def test_nobody_need_listen(tmp_path: Path) -> None:
    install.install(tmp_path / "bin", sys.executable, str(tmp_path / "removed"))
    script = 'exec "$0" 2>&-'
    assert (
        subprocess.run(["sh", "-c", script, tmp_path / "bin/svok"], check=False).returncode == 111
    )


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("error", ["EIO", "ENFILE", "EMFILE"])
@pytest.mark.parametrize("call", ["openat", "read"])
def test_an_error_at_any_file_of_the_library_is_one_line(svok: Path, error: str, call: str) -> None:
    library = [f"-P{file}" for file in Path(LIBRARY, "daemontools").glob("**/[a-z_]*")]
    for place in range(1, 12):
        inject = f"inject={call}:error={error}:when={place}"
        options = ["-o", "/dev/null", "-e", f"trace={call}", "-e", inject, *library]
        finished = subprocess.run(
            ["strace", *options, svok, "nowhere"], capture_output=True, check=False, timeout=60
        )
        assert finished.returncode == 111
        assert finished.stderr.startswith(b"svok: fatal: unable to ")
        assert finished.stderr.count(b"\n") == 1


@pytest.mark.parametrize("program", WORDS)
def test_few_descriptors_are_enough_or_an_error_in_one_line(
    commands: Path, tmp_path: Path, program: str
) -> None:
    for descriptors in range(4, 13):
        finished = _run(commands, program, tmp_path, descriptors)
        assert b"Traceback" not in finished.stderr
        assert finished.stderr.count(b"\n") <= 1
        assert finished.returncode in {0, 100, 111, 127}  # 127: a child, by the loader


@pytest.mark.parametrize("program", WORDS)
def test_an_interrupt_that_was_ignored_stays_so(tmp_path: Path, program: str) -> None:
    text = install.launcher(program, sys.executable, LIBRARY)
    text = text.replace("run(main)", "import os, signal; os.kill(os.getpid(), 2); os._exit(7)")
    (tmp_path / "launcher").write_text(text)
    ends = [
        subprocess.run(
            [sys.executable, "-IS", tmp_path / "launcher"],
            check=False,
            preexec_fn=lambda: signal.signal(signal.SIGINT, disposition),  # noqa: B023
        ).returncode
        for disposition in (signal.SIG_IGN, signal.SIG_DFL)
    ]
    assert ends == [7, -signal.SIGINT]
