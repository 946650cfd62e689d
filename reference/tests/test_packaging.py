"""What pip installs on a bare machine: all programs, and they work, and the data of the suite.

One source archive and one wheel are built, and the wheel is installed into an
empty virtual environment. This needs a package index, but only for the build backend.
"""

import os
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from companion import launchers

from daemontools import install

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]

# Program: a call that ends at once, and its exit code. (svscanboot has no such call.)
CALLS: dict[str, tuple[list[str], int]] = {
    "daemontools": (["status", "/nowhere/at/all"], 111),
    "envdir": ([], 111),
    "envuidgid": ([], 100),
    "fghack": ([], 100),
    "multilog": ([], 0),
    "pgrphack": ([], 100),
    "readproctitle": ([], 100),
    "setlock": ([], 100),
    "setuidgid": ([], 100),
    "softlimit": ([], 100),
    "supervise": ([], 100),
    "svc": ([], 0),
    "svok": ([], 100),
    "svscan": (["/nowhere/at/all"], 111),
    "svstat": ([], 0),
    "tai64n": ([], 0),
    "tai64nlocal": ([], 0),
}


def run(*command: str | Path, **options: str) -> "subprocess.CompletedProcess[str]":
    """Run a command in an environment with little more than a PATH; it must not fail."""
    keep = {k: v for k, v in os.environ.items() if k.startswith("PIP_") or k == "HOME"}
    environment = {"PATH": "/usr/bin:/bin", **keep, **options}
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, f"{command}: {finished.stdout}{finished.stderr}"
    return finished


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source archive and the wheel, built as pip would."""
    folder = tmp_path_factory.mktemp("built")
    run(sys.executable, "-m", "venv", folder / "builder")
    run(folder / "builder/bin/pip", "install", "-q", "--no-input", "hatchling>=1.25")
    source = ROOT
    if (ROOT / ".git").exists():  # build what git would clone, without untracked files
        source = folder / "source"
        run("git", "-c", f"safe.directory={ROOT}", "clone", "-q", "--no-hardlinks", ROOT, source)
    command = "import os, sys; os.chdir(sys.argv[1]); import hatchling.build as b; "
    command += "b.build_sdist(sys.argv[2]); b.build_wheel(sys.argv[2])"
    run(folder / "builder/bin/python", "-c", command, source, folder)
    return folder


@pytest.fixture(scope="session")
def venv(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty virtual environment with the wheel in it."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(sys.executable, "-m", "venv", folder)
    [wheel] = built.glob("*.whl")
    run(folder / "bin/pip", "install", "-q", "--no-index", "--no-deps", wheel)
    return folder


def check_programs(folder: Path, scratch: Path) -> None:
    """Call every program in `folder`: it is found, and answers with its exit code."""
    for program, (arguments, code) in CALLS.items():
        finished = subprocess.run(
            [folder / program, *arguments],
            cwd=scratch,
            env={"PATH": f"{folder}:/usr/bin:/bin"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (finished.returncode, program) == (code, program), finished.stderr
        assert "Traceback" not in finished.stderr
    assert os.access(folder / "svscanboot", os.X_OK)


def test_every_program_has_a_call() -> None:
    assert {*CALLS, "svscanboot"} == set(install.commands())


def test_pip_puts_all_programs_on_path(venv: Path, tmp_path: Path) -> None:
    check_programs(venv / "bin", tmp_path)


def test_the_installer_writes_launchers_and_takes_them_away(venv: Path, tmp_path: Path) -> None:
    command = tmp_path / "command"
    run(venv / "bin/python", "-I", "-m", "daemontools.install", command)
    check_programs(command, tmp_path)
    run(venv / "bin/python", "-I", "-m", "daemontools.install", "--remove", command)
    assert list(command.iterdir()) == []


def test_without_its_extra_the_suite_says_what_is_missing(venv: Path) -> None:
    called = [str(venv / "bin/daemontools-conformance"), "--help"]
    answer = subprocess.run(called, capture_output=True, text=True, check=False)
    missing = "missing: pip install 'daemontools-reference[conformance]'"
    assert (answer.returncode, answer.stdout) == (1, "")
    assert answer.stderr == f"daemontools-conformance: {missing}\n"


def test_nothing_else_is_installed(venv: Path) -> None:
    listed = run(venv / "bin/pip", "list", "--format=freeze").stdout.split()
    assert {line.split("==")[0] for line in listed} <= {
        "daemontools-reference",
        "pip",
        "setuptools",
    }


def test_the_wheel_holds_the_data_of_the_suite(built: Path) -> None:
    [wheel] = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    data = ["spec/svok.md", "profiles/djb.toml", "results/README.md", "fixtures/demo/greeter/run"]
    for name in [*data, "py.typed"]:
        assert f"daemontools_conformance/{name}" in names
    assert not [n for n in names if "__pycache__" in n or n.startswith(("docs/", "reference/"))]


def test_the_source_archive_holds_all_that_the_readme_speaks_of(built: Path) -> None:
    [archive] = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        members = {m.name.partition("/")[2]: m for m in tar.getmembers()}
    for name in ("README.md", "LICENSE", "demo", "check", "tox.ini", "docs/book/01-why.md"):
        assert name in members
    assert members["demo"].mode & 0o111
    assert members["fixtures/demo/greeter/run"].mode & 0o111


# Until the demo starts svscan, and until its server answers.
@pytest.mark.parametrize("last", [b"# A real service", b"# The server answers"])
@pytest.mark.parametrize("end", [signal.SIGHUP, signal.SIGPIPE, signal.SIGTERM])
def test_the_demo_leaves_nothing_behind_if_it_is_broken_off(
    tmp_path: Path, last: bytes, end: signal.Signals
) -> None:
    programs = launchers(tmp_path / "bin").parent
    (tmp_path / "work").mkdir()
    variables = {"PATH": os.environ["PATH"], "TMPDIR": str(tmp_path / "work")}
    demo = subprocess.Popen(
        ["env", "--default-signal", ROOT / "demo", "--with", programs],
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert demo.stdout is not None
    while not demo.stdout.readline().startswith(last):
        assert demo.poll() is None
    if end == signal.SIGPIPE:
        demo.stdout.close()
    else:
        demo.send_signal(end)
        demo.communicate(timeout=60)
    assert demo.wait(60) != 0
    assert list((tmp_path / "work").iterdir()) == []


def test_the_demo_leaves_nothing_in_the_cache_of_pip(tmp_path: Path) -> None:
    pip = '#!/bin/sh\necho "without a cache: $PIP_NO_CACHE_DIR"\nexit 1\n'
    (tmp_path / "pip").write_text(pip)
    # `python3 -m venv DIR` makes no more than DIR/bin/pip, which ends the demo.
    python = (
        f'#!/bin/sh\nmkdir -p "$3/bin"\ncp {tmp_path}/pip "$3/bin/pip"\nchmod +x "$3/bin/pip"\n'
    )
    (tmp_path / "python3").write_text(python)
    (tmp_path / "python3").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    demo = subprocess.run(
        [ROOT / "demo"], env=variables, check=False, capture_output=True, text=True
    )
    assert "without a cache: 1\n" in demo.stdout
