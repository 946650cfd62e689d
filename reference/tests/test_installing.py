"""What the installer does around the launchers: upgrades, checks, pages, and the recipe."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from access import open_to_everybody
from companion import is_up, service, supervised, wait_until

from daemontools import install
from daemontools.installing import checks, copies
from daemontools.installing.files import UNFINISHED, locked

PYTHON = sys.executable
ROOT = Path(__file__).parents[2]
CLOSED = "is closed to other users"
# The number of files of the package; they are written first, then the launchers, then the pages.
FILES = len(copies.content(Path(install.__file__).parent))
_COMPILED = shutil.ignore_patterns("__pycache__")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that everybody may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def complaints(answer: "subprocess.CompletedProcess[str]") -> list[str]:
    """What the installer says, but that the interpreter of this test is closed to others."""
    lines = answer.stderr.splitlines()
    return [
        line for line in lines if not (CLOSED in line and f" {tempfile.gettempdir()}/" not in line)
    ]


def run_installer(*words: str | Path, **options: int) -> "subprocess.CompletedProcess[str]":
    """Run the command line of the installer to its end."""
    command = [PYTHON, "-I", "-m", "daemontools.install", *words]
    umask = options.get("umask", -1)
    return subprocess.run(command, capture_output=True, text=True, check=False, umask=umask)


def everything_into(place: Path) -> list[str | Path]:
    """The words of an installation with a library and a share, all below one folder."""
    return ["--library", place / "l", "--share", place / "s", place / "bin"]


# An upgrade


def state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """What each file below a folder is: inode, mode, time of its last change."""
    status = {str(path): path.lstat() for path in sorted(folder.rglob("*"))}
    return {name: (s.st_ino, s.st_mode, s.st_ctime_ns) for name, s in status.items()}


def test_to_install_the_same_again_changes_no_file(tmp_path: Path) -> None:
    words = everything_into(tmp_path)
    assert run_installer(*words).returncode == 0
    before = state(tmp_path / "bin") | state(tmp_path / "s")
    modules = {k: v for k, v in state(tmp_path / "l").items() if k.endswith(".py")}
    assert run_installer(*words, umask=0o077).returncode == 0
    assert state(tmp_path / "bin") | state(tmp_path / "s") == before
    assert {k: v for k, v in state(tmp_path / "l").items() if k.endswith(".py")} == modules


def test_there_is_no_instant_without_a_program(tmp_path: Path) -> None:
    words: list[str | Path] = ["--library", tmp_path / "l", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    old = (tmp_path / "bin/svok").read_text()
    package = tmp_path / "checkout/daemontools"
    shutil.copytree(Path(install.__file__).parent, package, ignore=_COMPILED)
    with (package / "core/scan.py").open("a") as module:
        module.write("# another version\n")
    code = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r}); "
        "import daemontools.install as i; i.main()"
    )
    upgrading = subprocess.Popen([PYTHON, "-I", "-c", code, *words])
    answers = []
    while upgrading.poll() is None:
        answers.append(subprocess.run([tmp_path / "bin/svok"], check=False).returncode)
    assert upgrading.returncode == 0
    assert set(answers) == {100}
    assert len(list((tmp_path / "l").glob("[0-9]*"))) == 2  # one may still be imported from
    assert (tmp_path / "bin/svok").read_text() != old
    assert run_installer(*words).returncode == 0
    assert (tmp_path / "bin/svok").read_text() == old  # the version before is back
    assert run_installer(*words).returncode == 0
    assert len(list((tmp_path / "l").glob("[0-9]*"))) == 1


def test_without_a_copy_a_program_is_as_mixed_as_the_folder_that_it_imports_from(
    tmp_path: Path,
) -> None:
    package = tmp_path / "checkout/daemontools"
    shutil.copytree(Path(install.__file__).parent, package, ignore=_COMPILED)
    install.install(tmp_path / "bin", PYTHON, str(package.parent))
    upgrade = f"""
with open({str(package / "unix/messages.py")!r}, "a") as module:
    module.write("raise SystemExit('the new version')")
"""
    with (package / "core/__init__.py").open("a") as module:
        module.write(upgrade)  # happens while the old program imports its modules
    shutil.rmtree(package / "unix/__pycache__")
    started = subprocess.run([tmp_path / "bin/svstat"], capture_output=True, check=False)
    assert b"the new version" in started.stderr


def another_version(checkout: Path, text: str, *words: str | Path) -> None:
    """Install a version that differs in one line."""
    package = checkout / "daemontools"
    shutil.copytree(Path(install.__file__).parent, package, ignore=_COMPILED)
    with (package / "core/scan.py").open("a") as module:
        module.write(f"# {text}\n")
    code = f"import sys; sys.path.insert(0, {str(checkout)!r}); import daemontools.install as i; "
    subprocess.run([PYTHON, "-I", "-c", f"{code}i.main()", *words], check=True)


@pytest.mark.parametrize("name", ["other", "with a \n newline"])
def test_an_upgrade_leaves_what_launchers_in_another_directory_need(
    tmp_path: Path, name: str
) -> None:
    library: list[str | Path] = ["--library", tmp_path / "l"]
    for directory in ("bin", name):
        assert run_installer(*library, tmp_path / directory).returncode == 0
    for text in ("second", "third"):
        another_version(tmp_path / text, text, *library, tmp_path / "bin")
    assert subprocess.run([tmp_path / name / "svok"], check=False).returncode == 100
    another_version(tmp_path / "again", "third", *library, tmp_path / name)
    another_version(tmp_path / "twice", "third", *library, tmp_path / name)
    assert len(list((tmp_path / "l").glob("[0-9]*"))) == 1


def test_remove_leaves_what_launchers_in_another_directory_need(tmp_path: Path) -> None:
    library: list[str | Path] = ["--library", tmp_path / "l"]
    for directory in ("bin", "other"):
        assert run_installer(*library, tmp_path / directory).returncode == 0
    answer = run_installer("--remove", *library, tmp_path / "other")
    assert f"{tmp_path / 'l'} stays: the programs in {tmp_path / 'bin'} need it" in answer.stderr
    assert subprocess.run([tmp_path / "bin/svok"], check=False).returncode == 100
    assert complaints(run_installer("--remove", *library, tmp_path / "bin")) == []
    assert not (tmp_path / "l").exists()


@pytest.mark.parametrize("make", [os.mkfifo, Path.touch, Path.mkdir])
def test_a_foreign_record_of_directories_is_refused(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "l").mkdir()
    make(tmp_path / "l/directories")
    answer = run_installer("--library", tmp_path / "l", tmp_path / "bin")
    assert f"not written by daemontools.install: {tmp_path / 'l/directories'}" in answer.stderr
    assert [path.name for path in (tmp_path / "l").iterdir()] == ["directories"]
    assert not (tmp_path / "bin").exists()


def test_an_upgrade_that_fails_leaves_the_old_version_whole(tmp_path: Path) -> None:
    words: list[str | Path] = ["--library", tmp_path / "l", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    before = state(tmp_path / "bin")
    (tmp_path / "bin/foreign").mkdir()
    (tmp_path / "bin/svc").unlink()
    (tmp_path / "bin/svc").write_text("somebody else's")
    assert run_installer(*words).returncode == 1
    assert {k: v for k, v in state(tmp_path / "bin").items() if k in before and "svc" not in k} == {
        k: v for k, v in before.items() if "svc" not in k
    }
    assert subprocess.run([tmp_path / "bin/svok"], check=False).returncode == 100


def test_a_copy_that_somebody_changed_is_mended(tmp_path: Path) -> None:
    folder = Path(copies.copy(tmp_path))
    (folder / "daemontools/core/scan.py").write_text("changed")
    assert Path(copies.copy(tmp_path)) == folder
    assert "changed" not in (folder / "daemontools/core/scan.py").read_text().splitlines()


# An installer that was killed, and two at once

# Run the installer, and kill it in place of the n-th call of a function of os.
DIES = """
import os, sys
name, calls = sys.argv.pop(1), int(sys.argv.pop(1))
real = getattr(os, name)
def dying(*words, **options):
    global calls
    calls -= 1
    if not calls:
        os.kill(os.getpid(), 9)
    return real(*words, **options)
setattr(os, name, dying)
from daemontools import install
install.main()
"""


def killed(call: str, number: int, *words: str | Path) -> None:
    """Run the installer until it makes this call for the n-th time."""
    command = [PYTHON, "-I", "-c", DIES, call, str(number), *words]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL


def unfinished(folder: Path) -> list[Path]:
    """What has the name of a file or folder that is not finished."""
    return [path for path in folder.rglob("*") if path.name.startswith(UNFINISHED)]


@pytest.mark.parametrize("removes", [False, True])
@pytest.mark.parametrize(
    ("call", "number"),
    [
        ("mkdir", 5),
        ("rename", 20),
        ("rename", FILES + 2),
        ("fchmod", FILES + 5),
        ("fchmod", FILES + 25),
    ],
    ids=["folder", "file", "link", "launcher", "page"],
)
def test_what_a_killed_installer_left_is_gone_after_the_next(
    place: Path, call: str, number: int, *, removes: bool
) -> None:
    words = everything_into(place)
    killed(call, number, *words)
    assert unfinished(place)
    if removes:
        assert run_installer("--remove", *words).stderr == ""
        assert [path.name for path in place.iterdir()] == ["bin"]
    else:
        assert complaints(run_installer(*words)) == []
        assert complaints(run_installer("--check", *words)) == []
        assert not unfinished(place)


def test_a_copy_of_which_a_killed_installer_removed_a_part_is_removed(tmp_path: Path) -> None:
    words: list[str | Path] = ["--library", tmp_path / "l", tmp_path / "bin"]
    run_installer(*words)
    killed("unlink", len(install.commands()) + 20, "--remove", *words)
    assert unfinished(tmp_path)
    assert run_installer("--remove", *words).stderr == ""
    assert list(tmp_path.rglob("*")) == [tmp_path / "bin"]


@pytest.mark.parametrize("option", ["--library", "--share", "DIR"])
@pytest.mark.parametrize("doing", [[], ["--remove"]])
def test_a_second_installer_changes_nothing(tmp_path: Path, option: str, doing: list[str]) -> None:
    place = {"--library": "l", "--share": "s", "DIR": "bin"}[option]
    words = everything_into(tmp_path)
    run_installer(*words)
    (tmp_path / "bin/svc").unlink()
    before = state(tmp_path)
    with locked([tmp_path / place]):
        answer = run_installer(*doing, *words)
    expected = (
        f"daemontools.install: another daemontools.install is at work in {tmp_path}/{place}\n"
    )
    assert (answer.returncode, answer.stderr) == (1, expected)
    assert state(tmp_path) == before


def test_remove_without_the_library_says_that_it_stays(tmp_path: Path) -> None:
    words = everything_into(tmp_path)
    run_installer(*words)
    pages = state(tmp_path / "s")
    answer = run_installer("--remove", tmp_path / "bin")
    assert answer.stderr.endswith(
        f"{tmp_path}/l stays: to remove it, say --library {tmp_path}/l, too\n"
    )
    assert state(tmp_path / "s") == pages  # and that is not said
    assert run_installer("--remove", *words).stderr == ""
    assert list(tmp_path.rglob("*")) == [tmp_path / "bin"]


@pytest.mark.parametrize("doing", ["--check", "--remove"])
def test_the_library_checks_and_removes_without_a_checkout(place: Path, doing: str) -> None:
    run_installer("--library", place / "a/l", "--share", place / "b/s", place / "bin")
    page = (ROOT / "docs/howto/install.md").read_text()
    [script] = re.findall(r"```sh\n(export PYTHONPATH=.*?)```", page, re.DOTALL)
    script = script.replace("/usr/local/lib/daemontools", f"{place}/a/l")
    script = script.replace("/usr/local/share", f"{place}/b/s")
    script = script.replace("/usr/local/bin", f"{place}/bin").replace("--remove", doing)
    script = script.replace("/usr/bin/python3", PYTHON)
    before = state(place)
    call = ["sh", "-ec", script]
    answer = subprocess.run(call, cwd="/", capture_output=True, text=True, check=False)
    assert complaints(answer) == []
    assert answer.returncode == (1 if CLOSED in answer.stderr else 0)
    if doing == "--check":
        assert state(place) == before
    else:
        left = ["a", "b", "bin"]  # the folders above, and that of the launchers
        assert sorted(str(path.relative_to(place)) for path in place.rglob("*")) == left


# What the installer checks


def test_check_says_what_is_wrong_and_changes_nothing(place: Path) -> None:
    words = everything_into(place)
    assert complaints(run_installer(*words)) == []
    assert complaints(run_installer("--check", *words)) == []
    with (place / "bin/svok").open("a") as launcher:
        launcher.write("# changed\n")
    (place / "bin/svc").unlink()
    (place / "s/man/man8/svc.8").unlink()
    before = state(place)
    answer = run_installer("--check", *words)
    assert answer.returncode == 1
    assert complaints(answer) == [
        f"daemontools.install: warning: {place}/{said}"
        for said in (
            "bin/svc is missing",
            "bin/svok is another version's, has other options, or was changed",
            "s/man/man8/svc.8 is missing, or another version's",
        )
    ]
    assert state(place) == before


@pytest.mark.parametrize(
    "file", ["bin/svc", "s/man/man8/svc.8", "s/bash-completion/completions/svc"]
)
def test_check_says_that_a_mode_was_changed(place: Path, file: str) -> None:
    words = everything_into(place)
    run_installer(*words)
    (place / file).chmod((place / file).stat().st_mode | 0o020)
    answer = run_installer("--check", *words)
    assert (answer.returncode, f"{place}/{file} is " in answer.stderr) == (1, True)


def test_check_says_that_a_file_of_the_package_is_closed(place: Path) -> None:
    words = everything_into(place)
    run_installer(*words)
    [file] = place.glob("l/[0-9]*/daemontools/programs/multilog.py")
    file.chmod(0o600)
    answer = run_installer("--check", *words)
    said = f"{file.parents[2]} is missing, or was changed"
    assert (answer.returncode, said in answer.stderr) == (1, True)
    run_installer(*words)
    assert complaints(run_installer("--check", *words)) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts programs as other users")
@pytest.mark.parametrize("closed", ["library", "bin"])
def test_a_place_that_is_closed_to_others_is_named(place: Path, closed: str) -> None:
    (place / closed).mkdir(mode=0o700)
    answer = run_installer("--library", place / "library/l", place / "bin")
    assert answer.returncode == 0
    assert f"{place}/{closed} {CLOSED}" in answer.stderr


def test_a_launcher_that_does_not_work_is_said(tmp_path: Path) -> None:
    install.install(tmp_path / "bin", PYTHON, str(tmp_path / "empty"))
    [said] = checks.verify(tmp_path / "bin", PYTHON, str(tmp_path / "empty"))
    assert "does not work: svok: fatal: unable to load its modules" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_the_launcher_that_nobody_tries_has_nothing_of_roots_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    open_to_everybody(tmp_path)
    (tmp_path / "seen").touch()
    (tmp_path / "seen").chmod(0o666)
    shows = "cut -d ' ' -f 6 /proc/$$/stat; readlink /proc/$$/fd/0; echo $SECRET"
    (tmp_path / "svok").write_text(f"#!/bin/sh\nexec >{tmp_path}/seen\n{shows}\nid -u\nexit 100\n")
    (tmp_path / "svok").chmod(0o755)
    assert checks.verify(tmp_path, "/bin/sh", "/") == []
    session, *others = (tmp_path / "seen").read_text().splitlines()
    assert int(session) != os.getsid(0)
    assert others == ["/dev/null", "", "65534"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("what", ["mode", "sticky", "owner"])
def test_root_does_not_install_what_others_can_change(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "open/bin"
    folder.mkdir(parents=True)
    if what == "mode":
        folder.parent.chmod(0o777)
    elif what == "sticky":
        folder.chmod(0o1777)
    else:
        os.chown(folder.parent, 65534, 65534)
    changed = folder if what == "sticky" else folder.parent
    for options in ([], ["--check"]):
        answer = run_installer(*options, folder)
        assert answer.returncode == 1
        assert f"can change {changed}, and so what these programs do" in answer.stderr
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("owner", ["folder", "link"])
def test_root_does_not_install_where_others_can_change_a_link(place: Path, owner: str) -> None:
    link = place / "theirs/python3"
    link.parent.mkdir()
    link.symlink_to(PYTHON)
    changed = link.parent if owner == "folder" else link
    os.chown(changed, 65534, 65534, follow_symlinks=False)
    for options in ([], ["--check"]):
        answer = run_installer("--python", link, *options, place / "bin")
        said = f"the user with id 65534 can change {changed}, and so what these programs do"
        assert (answer.returncode, said in answer.stderr) == (1, True)
    assert not (place / "bin").exists()


# What an earlier installer has written, by how its path begins.
WRITTEN = [
    "bin/svok",
    "l/[0-9]*",
    "l/[0-9]*/daemontools",
    "l/[0-9]*/daemontools/unix/__pycache__",
    "l/[0-9]*/daemontools/loading.py",
    "l/[0-9]*/daemontools/__pycache__/loading.*.pyc",
    "l/daemontools",
    "l/directories",
    "s/man/man8",
    "s/man/man8/svc.8",
    "s/bash-completion/completions/svc",
    "s/.daemontools-reference",
]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(
    ("what", "pattern"),
    [*(("owner", pattern) for pattern in WRITTEN), ("mode", WRITTEN[0]), ("mode", WRITTEN[1])],
)
def test_root_does_not_install_over_what_others_can_change(
    place: Path, pattern: str, what: str
) -> None:
    words = everything_into(place)
    assert complaints(run_installer(*words)) == []
    [path] = place.glob(pattern)
    if what == "owner":
        os.chown(path, 65534, 65534, follow_symlinks=False)
        who = "the user with id 65534"
    else:
        path.chmod(0o1777)
        who = "everybody"
    before = state(place)
    said = f"{who} can change {path}, and so what these programs do"
    answer = run_installer(*words)
    assert (answer.returncode, answer.stderr) == (1, f"daemontools.install: {said}\n")
    answer = run_installer("--check", *words)
    assert answer.returncode == 1
    assert f"daemontools.install: warning: {said}" in complaints(answer)
    assert state(place) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_can_remove_what_a_user_has_installed_and_install(place: Path) -> None:
    words = everything_into(place)
    run_installer(*words)
    for path in (place, *place.rglob("*")):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    for path in (place, *(place / name for name in ["bin", "l", "s"])):
        os.chown(path, 0, 0)
    assert run_installer(*words).returncode == 1
    assert run_installer("--remove", *words).returncode == 0
    assert complaints(run_installer(*words)) == []
    assert complaints(run_installer("--check", *words)) == []
    assert {path.lstat().st_uid for path in place.rglob("*")} == {0}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_root_does_not_install_over_what_somebody_put_into_the_copy(place: Path) -> None:
    words = everything_into(place)
    run_installer(*words)
    [package] = place.glob("l/[0-9]*/daemontools")
    (package / "loading.abi3.so").touch()  # would be imported in the place of the module
    os.chown(package / "loading.abi3.so", 65534, 65534)
    answer = run_installer(*words)
    assert answer.returncode == 1
    assert f"the user with id 65534 can change {package}/loading.abi3.so" in answer.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_without_a_copy_the_package_itself_is_asked(place: Path) -> None:
    package = place / "checkout/daemontools"
    shutil.copytree(Path(install.__file__).parent, package, ignore=_COMPILED)
    os.chown(package / "unix/chain.py", 65534, 65534)
    code = f"import sys; sys.path.insert(0, {str(package.parent)!r}); "
    code += "import daemontools.install as i; i.main()"
    command = [PYTHON, "-IBc", code, str(place / "bin")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    said = f"the user with id 65534 can change {package}/unix/chain.py"
    assert (answer.returncode, said in answer.stderr) == (1, True)
    assert not (place / "bin").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root is refused")
def test_an_ordinary_user_is_warned_of_what_others_can_change(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    answer = run_installer(tmp_path / "open")
    assert answer.returncode == 0
    assert f"warning: everybody can change {tmp_path}/open" in answer.stderr


def test_a_sticky_folder_above_is_no_danger(tmp_path: Path) -> None:
    (tmp_path / "sticky").mkdir()
    (tmp_path / "sticky").chmod(0o1777)
    answer = run_installer(tmp_path / "sticky/bin")
    assert answer.returncode == 0
    assert str(tmp_path / "sticky") not in answer.stderr


# Pages, the recipe of the README


def test_pages_and_completion_are_written_and_removed(tmp_path: Path) -> None:
    words: list[str | Path] = ["--share", tmp_path / "share", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    pages = {page.stem for page in (tmp_path / "share/man/man8").iterdir()}
    assert pages == set(install.commands())
    assert (tmp_path / "share/bash-completion/completions/svc").exists()
    assert (tmp_path / "share/zsh/site-functions/_daemontools").exists()
    assert run_installer("--remove", *words).returncode == 0
    assert not (tmp_path / "share").exists()
    assert list((tmp_path / "bin").iterdir()) == []


def test_folders_that_were_there_or_are_in_use_stay(tmp_path: Path) -> None:
    (tmp_path / "share/man/man8").mkdir(parents=True)
    words: list[str | Path] = ["--share", tmp_path / "share", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    assert run_installer(*words).returncode == 0
    (tmp_path / "share/zsh/site-functions/_other").touch()
    assert run_installer("--remove", *words).returncode == 0
    left = {str(path.relative_to(tmp_path / "share")) for path in (tmp_path / "share").rglob("*")}
    assert left == {"man", "man/man8", "zsh", "zsh/site-functions", "zsh/site-functions/_other"}


def test_the_folder_of_the_library_goes_even_if_it_was_there(tmp_path: Path) -> None:
    (tmp_path / "l").mkdir()
    words: list[str | Path] = ["--library", tmp_path / "l", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    assert run_installer("--remove", *words).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]


@pytest.mark.parametrize("foreign", ["bin/svc", "share/man/man8/svc.8"])
def test_what_is_refused_changes_nothing(tmp_path: Path, foreign: str) -> None:
    (tmp_path / foreign).parent.mkdir(parents=True)
    (tmp_path / foreign).write_text("somebody else's")
    before = state(tmp_path)
    words: list[str | Path] = ["--library", tmp_path / "l", "--share", tmp_path / "share"]
    answer = run_installer(*words, tmp_path / "bin")
    assert (answer.returncode, "svc" in answer.stderr) == (1, True)
    assert state(tmp_path) == before


def test_what_is_not_the_installers_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    words = everything_into(tmp_path)
    foreign = [tmp_path / "bin/svc", tmp_path / "s/man/man8/svc.8"]
    for file in foreign:
        file.parent.mkdir(parents=True)
        file.write_text("Debian's")
    assert run_installer(*words).returncode == 1
    answer = run_installer("--remove", *words)
    said = "stays: it was not written by daemontools.install"
    assert answer.returncode == 0
    assert answer.stderr.splitlines() == [
        f"daemontools.install: warning: {file} {said}" for file in foreign
    ]
    assert [file.read_text() for file in foreign] == ["Debian's"] * 2


def test_the_recipe_needs_nothing_but_a_checkout(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "reference", tmp_path / "checkout/reference", ignore=_COMPILED)
    shutil.copy(ROOT / "install", tmp_path / "checkout/install")
    words: list[str | Path] = ["--library", tmp_path / "library", tmp_path / "bin"]
    command: list[str | Path] = [tmp_path / "checkout/install", *words]
    empty = {"PATH": "/usr/bin:/bin", "PYTHON": PYTHON}
    subprocess.run(command, env=empty, cwd="/", umask=0o077, check=True)
    shutil.rmtree(tmp_path / "checkout")
    assert subprocess.run([tmp_path / "bin/svok"], env={}, check=False).returncode == 100


@contextmanager
def running_tree(directory: Path, path: str) -> Iterator[int]:
    """An svscan that these launchers started, with this PATH; its process."""
    tree = directory.parent / "tree"
    tree.mkdir()
    with subprocess.Popen([directory / "svscan", tree], env={"PATH": path}) as svscan:
        try:
            while not checks.running(directory):
                assert svscan.poll() is None
            yield svscan.pid
        finally:
            svscan.kill()


def test_remove_says_what_still_runs(tmp_path: Path) -> None:
    assert run_installer("--library", tmp_path / "l", tmp_path / "bin").returncode == 0
    with running_tree(tmp_path / "bin", f"{tmp_path}/bin:/usr/bin:/bin") as svscan:
        answer = run_installer("--remove", "--library", tmp_path / "l", tmp_path / "bin")
    assert f"still running, and going on: svscan {svscan}; stop the tree first" in answer.stderr
    assert list((tmp_path / "bin").iterdir()) == []


def test_remove_does_not_name_what_other_launchers_started(tmp_path: Path) -> None:
    for name in ("bin", "other"):
        assert run_installer(tmp_path / name).returncode == 0
    with running_tree(tmp_path / "bin", f"{tmp_path}/bin:{tmp_path}/other:/usr/bin:/bin"):
        answer = run_installer("--remove", tmp_path / "other")
    assert complaints(answer) == []


def test_without_its_interpreter_nothing_can_be_executed_and_what_runs_goes_on(
    tmp_path: Path,
) -> None:
    python, other = tmp_path / "python3", tmp_path / "python3.11"
    other.symlink_to(os.path.realpath(PYTHON))
    python.symlink_to(other)
    words: list[str | Path] = ["--python", python, "--library", tmp_path / "l", tmp_path / "bin"]
    assert run_installer(*words).returncode == 0
    clock = service(tmp_path / "tree/clock", "exec sleep 1000", log=False)
    with supervised(clock.parent, tmp_path / "bin"):
        wait_until(lambda: is_up(clock), "it is up")
        other.unlink()
        for program in ("svc", "svstat", "setuidgid", "multilog"):
            with pytest.raises(FileNotFoundError):
                subprocess.run([tmp_path / "bin" / program], check=False)
        assert is_up(clock)
        # The name in the launchers is a link: it survives a change of the interpreter.
        python.unlink()
        python.symlink_to(os.path.realpath(PYTHON))
        assert subprocess.run([tmp_path / "bin/svok", clock], check=False).returncode == 0


# For packages


def test_a_package_gets_what_belongs_elsewhere(tmp_path: Path) -> None:
    staged = tmp_path / "staged"
    places: list[str | Path] = ["--library", "/usr/share/x", "--share", "/usr/share", "/usr/bin"]
    answer = run_installer("--destdir", staged, *places, umask=0o077)
    assert (answer.returncode, answer.stderr) == (0, "")
    [library] = (staged / "usr/share/x").glob("[0-9]*")
    assert f"'/usr/share/x/{library.name}'" in (staged / "usr/bin/svok").read_text()
    assert (staged / "usr/share/man/man8/svc.8").exists()
    assert sorted(path.name for path in (staged / "usr/bin").iterdir()) == install.commands()
    assert not list(staged.rglob("__pycache__"))
    for path in staged.rglob("*"):
        assert path.is_symlink() or path.stat().st_mode & 0o444 == 0o444, path


@pytest.mark.parametrize("words", [["/usr/bin"], ["--library", "/usr/share/x", "bin"]])
def test_a_package_has_a_library_and_absolute_places(tmp_path: Path, words: list[str]) -> None:
    answer = run_installer("--destdir", tmp_path / "staged", *words)
    assert answer.returncode in (1, 2)
    assert not (tmp_path / "staged/usr/bin").exists()
