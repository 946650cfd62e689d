"""The parts of the installer, called in this process on small folders."""

import errno
import itertools
import os
import stat
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import daemontools
from daemontools.installing import checks, copies, files, shared

OURS = f"#!/bin/sh\n{files.MARK}\n"


def tree(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """What is below a folder: name -> mode, and content or target; a folder has none."""
    found: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        mode = stat.S_IMODE(path.lstat().st_mode)
        content = os.readlink(path) if path.is_symlink() else b""
        if path.is_file() and not path.is_symlink():
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (0 if path.is_symlink() else mode, content)
    return found


# files.py


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        (OURS, True),
        ("x" * (8192 - len(files.MARK)) + files.MARK, True),
        ("x" * (8193 - len(files.MARK)) + files.MARK, False),
        ("#!/bin/sh\n", False),
        ("", False),
    ],
)
def test_the_mark_near_the_start_says_whose_a_file_is(
    tmp_path: Path, text: str, *, is_ours: bool
) -> None:
    (tmp_path / "file").write_text(text)
    assert files.is_ours(tmp_path / "file") == is_ours
    assert not files.is_ours(tmp_path)
    assert not files.is_ours(tmp_path / "nowhere")


@pytest.mark.parametrize("mode", [0o755, 0o644])
@pytest.mark.parametrize("before", [None, (b"old", 0o644), (b"text", 0o600), (b"text", 0o4755)])
def test_a_file_is_replaced_unless_it_is_so(
    tmp_path: Path, before: tuple[bytes, int] | None, mode: int
) -> None:
    file = tmp_path / "file"
    if before:
        file.write_bytes(before[0])
        file.chmod(before[1])
    assert not files.is_so(file, b"text", mode)
    files.replace(file, b"text", mode)
    assert tree(tmp_path) == {"file": (mode, b"text")}
    inode = file.stat().st_ino
    files.replace(file, b"text", mode)
    assert (file.stat().st_ino, files.is_so(file, b"text", mode)) == (inode, True)
    (tmp_path / "link").symlink_to("file")
    assert not files.is_so(tmp_path / "link", b"text", mode)
    assert not files.is_so(tmp_path, b"", 0o700)
    files.replace(tmp_path / "link", b"text", mode)
    assert not (tmp_path / "link").is_symlink()


def test_a_file_that_cannot_be_replaced_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        files.replace(tmp_path / "file", b"text", 0o644)
    assert list(tree(tmp_path)) == ["file"]


def test_an_interrupt_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("old")
    monkeypatch.setattr(os, "rename", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        files.replace(tmp_path / "file", b"new", 0o644)
    assert [(name, text) for name, (_, text) in tree(tmp_path).items()] == [("file", b"old")]


def _interrupted(*_words: object) -> None:
    raise KeyboardInterrupt


def test_a_new_file_has_an_unused_name_beside_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[Path] = []
    real = os.rename

    def rename(new: str, file: Path) -> None:
        names.append(Path(new))
        real(new, file)

    monkeypatch.setattr(os, "rename", rename)
    files.replace(tmp_path / "file", b"text", 0o644)
    assert names[0].name.startswith(files.UNFINISHED)
    assert names[0].parent == tmp_path


def test_what_is_unfinished_is_removed_and_nothing_else(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "inside").mkdir(parents=True)
    folder = tmp_path / "folder"
    (folder / f"{files.UNFINISHED}1/daemontools").mkdir(parents=True)
    (folder / f"{files.UNFINISHED}2").write_text("#!")
    (folder / f"{files.UNFINISHED}3").symlink_to(victim)
    (folder / f"x{files.UNFINISHED}").touch()
    (folder / ".daemontools").touch()
    files.remove_unfinished(folder)
    files.remove_unfinished(tmp_path / "nowhere")
    assert list(tree(folder)) == [".daemontools", f"x{files.UNFINISHED}"]
    assert list(tree(victim)) == ["inside"]


def test_a_second_installer_is_kept_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").symlink_to("a")
    places = [tmp_path / "a", tmp_path / "b", tmp_path / "nowhere"]
    with files.locked(places) as is_sure:
        assert is_sure
        with (
            pytest.raises(BlockingIOError, match=f"^another .* is at work in {tmp_path}/a$"),
            files.locked(places),
        ):
            pass
    with files.locked(places) as is_sure:
        assert is_sure


def test_without_locks_nothing_is_sure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(_fd: int, _how: int) -> None:
        raise OSError(errno.EBADF, "")  # as NFS says

    monkeypatch.setattr(files, "flock", flock)
    with files.locked([tmp_path]) as is_sure:
        assert not is_sure


def test_folders_are_open_to_everybody_whatever_the_umask(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir(0o700)
    before = os.umask(0o077)
    files.make_folder(tmp_path / "there/a/b")
    files.make_folder(tmp_path / "there/a/b")
    os.umask(before)
    modes = {name: mode for name, (mode, _) in tree(tmp_path).items()}
    assert modes == {"there": 0o700, "there/a": 0o755, "there/a/b": 0o755}


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    files.warn("why")
    assert capsys.readouterr() == ("", "daemontools.install: warning: why\n")


# copies.py, with a package of a few files


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package in the place of this one."""
    folder = tmp_path / "source/daemontools"
    (folder / "installing/__pycache__").mkdir(parents=True)
    (folder / "installing/__pycache__/files.pyc").write_text("compiled")
    (folder / "installing/files.py").write_text(f"MARK = {files.MARK!r}\n")
    (folder / "__init__.py").write_text("first")
    monkeypatch.setattr(daemontools, "__file__", str(folder / "__init__.py"))
    monkeypatch.setattr(daemontools, "__version__", "1.2.3")
    return folder


def names(library: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in library.iterdir())


def test_a_copy_is_named_for_its_content(package: Path, tmp_path: Path) -> None:
    library = tmp_path / "lib/l"
    first = copies.copy(library)
    assert first.startswith(str(library / "1.2.3-"))
    assert len(Path(first).name) == len("1.2.3-") + 12
    assert names(library) == [Path(first).name, "daemontools"]
    assert tree(Path(first)) == {
        "daemontools": (0o755, b""),
        "daemontools/__init__.py": (0o644, b"first"),
        "daemontools/installing": (0o755, b""),
        "daemontools/installing/files.py": (0o644, f"MARK = {files.MARK!r}\n".encode()),
    }
    assert stat.S_IMODE(Path(first).stat().st_mode) == 0o755
    assert os.readlink(library / "daemontools") == f"{Path(first).name}/daemontools"
    assert copies.newest(library) == Path(first).name
    before = {path: path.lstat().st_ino for path in library.rglob("*")}
    assert copies.copy(library) == first
    assert {path: path.lstat().st_ino for path in library.rglob("*")} == before

    (package / "__init__.py").write_text("second")
    second = copies.copy(library)
    assert names(library) == sorted([Path(first).name, Path(second).name, "daemontools"])
    assert copies.newest(library) == Path(second).name
    copies.remove_old_copies(library, {Path(second).name})
    assert names(library) == [Path(second).name, "daemontools"]
    (Path(second) / "daemontools/__init__.py").write_text("damaged")
    assert copies.copy(library) == second
    assert (Path(second) / "daemontools/__init__.py").read_text() == "second"


@pytest.mark.usefixtures("package")
def test_what_is_not_finished_has_a_name_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, prefixes = tempfile.mkdtemp, list[str]()

    def mkdtemp(*, prefix: str, dir: Path) -> str:  # noqa: A002
        prefixes.append(prefix)
        return real(prefix=prefix, dir=dir)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    copies.copy(tmp_path / "l")
    assert prefixes == [files.UNFINISHED] * 2


def test_names_lengths_and_contents_make_the_digest() -> None:
    versions = {
        copies.version(given)
        for given in ({}, {"a": b""}, {"a": b"b"}, {"ab": b""}, {"a": b"", "b": b""})
    }
    assert len(versions) == 5


def test_a_library_without_a_copy_has_none(tmp_path: Path) -> None:
    assert copies.newest(tmp_path) == ""
    assert copies.directories(tmp_path) == []
    assert copies.in_use(tmp_path, ["svok"]) == {}


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("error", [OSError(28, ""), KeyboardInterrupt()])
def test_a_copy_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    real, calls = vars(copies)["_write"], itertools.count()

    def write(*words: object) -> None:
        if next(calls) == 0:
            raise error
        real(*words)

    monkeypatch.setattr(copies, "_write", write)
    with pytest.raises(type(error)):
        copies.copy(tmp_path / "l")
    assert names(tmp_path / "l") == []


@pytest.mark.usefixtures("package")
def test_a_copy_by_the_first_releases_is_replaced(tmp_path: Path) -> None:
    library = tmp_path / "l"
    (library / "daemontools").mkdir(parents=True)
    (library / "daemontools/install.py").write_text(OURS)
    copies.copy(library)
    assert (library / "daemontools").is_symlink()


@pytest.mark.usefixtures("package")
def test_what_is_not_a_copy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "daemontools").mkdir()
    for refused in (copies.copy, copies.remove_copy):
        with pytest.raises(FileExistsError, match=r"not written by daemontools.install: .*tools$"):
            refused(tmp_path)
    assert names(tmp_path) == ["daemontools", "source"]


def test_directories_are_noted_and_those_in_use_found(package: Path, tmp_path: Path) -> None:
    library, one, two = tmp_path / "l", tmp_path / "two\n", tmp_path / "one"
    folder = copies.copy(library)
    for directory in (one, two):
        directory.mkdir()
        copies.note(library, directory)
        copies.note(library, directory)
    assert copies.directories(library) == [two, one]
    record = library / "directories"
    expected = f"{files.MARK}\0{two}\0{one}\0".encode()
    assert (record.read_bytes(), stat.S_IMODE(record.stat().st_mode)) == (expected, 0o644)
    (one / "svok").write_text(f"{OURS}{folder}\n")
    (two / "svok").write_text(f"{folder}\n")  # not ours
    (two / "other").write_text(f"{OURS}{folder}\n")  # no program
    assert copies.in_use(library, ["svok", "svc"]) == {one: {Path(folder).name}}
    record.write_text("foreign")
    with pytest.raises(FileExistsError, match=r"not written by daemontools.install: .*directories"):
        copies.directories(library)
    assert package.exists()


def test_remove_takes_all_copies_and_the_folder_if_it_is_empty_then(
    package: Path, tmp_path: Path
) -> None:
    library = tmp_path / "l"
    copies.copy(library)
    copies.note(library, tmp_path)
    (package / "__init__.py").write_text("second")
    copies.copy(library)
    (library / "1-other").mkdir()
    copies.remove_copy(library)
    assert names(library) == ["1-other"]
    (library / "1-other").rmdir()
    copies.copy(library)
    copies.remove_copy(library)
    assert not library.exists()
    copies.remove_copy(library)


def test_remove_says_what_keeps_the_library(
    package: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "l"
    copies.copy(library)
    (library / "note").touch()
    copies.remove_copy(library)
    expected = f"{library} stays: it holds what is not the installer's: note\n"
    assert capsys.readouterr().err.endswith(expected)
    assert package.exists()


@pytest.mark.parametrize("text", ["", "sys.path.append(1)\n", "sys.path.append('/nowhere/1-1')\n"])
def test_a_launcher_may_name_no_library(tmp_path: Path, text: str) -> None:
    (tmp_path / "svok").write_text(OURS + text)
    assert copies.library_of(tmp_path / "svok") is None
    assert copies.library_of(tmp_path / "nothing") is None


# shared.py


def test_pages_and_completion_have_these_places() -> None:
    found = shared.shared()
    pages = {name for name in found if name.startswith("man/man8/")}
    assert {"man/man8/svc.8", "man/man8/multilog.8"} <= pages
    assert sorted(found.keys() - pages) == [
        *(f"bash-completion/completions/{name}" for name in sorted(shared.COMPLETED)),
        "zsh/site-functions/_daemontools",
    ]
    assert found["man/man8/svc.8"] == (shared.PACKAGE / "man/svc.8").read_bytes()
    completion = shared.PACKAGE / "completion"
    assert (
        found["bash-completion/completions/svc"] == (completion / "daemontools.bash").read_bytes()
    )
    zsh = (completion / "_daemontools").read_bytes()
    assert found["zsh/site-functions/_daemontools"] == zsh


@pytest.mark.parametrize("there", [[], ["man"], ["man/man8", "zsh"]])
def test_what_is_made_is_recorded_and_removed(tmp_path: Path, there: list[str]) -> None:
    share = tmp_path / "share"
    for name in there:
        (share / name).mkdir(parents=True)
    before = tree(tmp_path)
    shared.install_shared(share)
    shared.install_shared(share)
    found = tree(share)
    for name, text in shared.shared().items():
        assert found[name] == (0o644, text)
    recorded = (share / ".daemontools-reference").read_text().splitlines()
    assert recorded == sorted(recorded)
    assert not set(recorded) & set(there)
    assert "bash-completion/completions" in recorded
    shared.remove_shared(share)
    assert tree(tmp_path) == before


def test_a_package_keeps_no_record(tmp_path: Path) -> None:
    shared.install_shared(tmp_path / "share", is_package=True)
    assert not (tmp_path / "share/.daemontools-reference").exists()
    assert (tmp_path / "share/man/man8/svc.8").is_file()


def test_a_foreign_page_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "man/man8").mkdir(parents=True)
    for name in ("svc.8", "svok.8"):
        (tmp_path / "man/man8" / name).write_text("x" * 8192 + "daemontools-reference")
    said = "not written by daemontools.install: man/man8/svc.8, man/man8/svok.8"
    with pytest.raises(FileExistsError, match=said):
        shared.install_shared(tmp_path)
    shared.remove_shared(tmp_path)
    assert names(tmp_path / "man/man8") == ["svc.8", "svok.8"]


@pytest.mark.parametrize("foreign", ["bin\n", ".\nman\nmine\n", "\xff"])
def test_a_foreign_record_is_refused_and_stays(
    tmp_path: Path, foreign: str, capsys: pytest.CaptureFixture[str]
) -> None:
    record = tmp_path / ".daemontools-reference"
    record.write_bytes(foreign.encode("latin-1"))
    with pytest.raises(FileExistsError, match=r"not written by .*: \.daemontools-"):
        shared.install_shared(tmp_path)
    assert names(tmp_path) == [record.name]
    shared.remove_shared(tmp_path)
    assert f"{record} stays: it was not written" in capsys.readouterr().err
    assert record.read_bytes() == foreign.encode("latin-1")


def test_a_folder_in_place_of_the_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".daemontools-reference").mkdir()
    with pytest.raises(FileExistsError):
        shared.install_shared(tmp_path)


def test_a_record_of_an_installer_is_not_foreign(tmp_path: Path) -> None:
    shared.install_shared(tmp_path)
    (tmp_path / "zsh/site-functions/_daemontools").unlink()
    shared.install_shared(tmp_path)
    shared.remove_shared(tmp_path)
    assert names(tmp_path) == []


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    shared.install_shared(tmp_path / "share")
    (tmp_path / "share/man/man8/other.8").touch()
    shared.remove_shared(tmp_path / "share")
    assert list(tree(tmp_path / "share")) == ["man", "man/man8", "man/man8/other.8"]


# checks.py

WORLD, GROUP, STICKY = 0o777, 0o775, 0o1777


@pytest.mark.parametrize(
    ("mode", "owner", "group", "me", "refused", "warned"),
    [
        (0o755, 0, 0, 0, "", ""),
        (WORLD, 0, 0, 0, "everybody can change {}, and so what these programs do", ""),
        (WORLD, 0, 0, 5, "", "everybody can change {}, and so what these programs do"),
        (STICKY, 0, 0, 0, "", ""),
        (0o755, 7, 0, 0, "the user with id 7 can change {}, and so what these programs do", ""),
        (0o755, 7, 0, 5, "", "the user with id 7 can change {}, and so what these programs do"),
        (0o755, 5, 0, 5, "", ""),
        (GROUP, 0, 0, 0, "", ""),
        (GROUP, 0, 9, 0, "", "the group with id 9 can change {}"),
        (GROUP, 0, 3, 0, "", ""),
        (0o755, 0, 9, 0, "", ""),
    ],
)
def test_who_else_could_change_what_root_runs(
    monkeypatch: pytest.MonkeyPatch, mode: int, owner: int, group: int, me: int,
    refused: str, warned: str,
) -> None:  # fmt: skip
    odd = SimpleNamespace(st_mode=stat.S_IFDIR | mode, st_uid=owner, st_gid=group)
    good = SimpleNamespace(st_mode=stat.S_IFDIR | 0o755, st_uid=0, st_gid=0)
    monkeypatch.setattr(os, "geteuid", lambda: me)
    monkeypatch.setattr(os, "getegid", lambda: 3)
    odd_step = Step(odd)
    steps: Any = {"a": [Step(good), odd_step], "b": [odd_step]}
    monkeypatch.setattr(checks, "_steps", lambda place: steps[place.name])
    said: list[str] = []
    places = [Path("/a"), Path("/b")]
    if refused:
        with pytest.raises(PermissionError, match=refused.format("odd")):
            checks.refuse_what_others_can_change(places, [], said.append)
    else:
        checks.refuse_what_others_can_change(places, [], said.append)
    assert said == ([warned.format("odd")] if warned else [])


class Step:
    """A path of which only the status is asked."""

    def __init__(self, status: Any) -> None:
        self.lstat = lambda: status

    def __str__(self) -> str:
        return "odd"


@pytest.mark.parametrize(
    ("kind", "mode", "owner", "group", "said", "warned"),
    [
        (stat.S_IFREG, 0o644, 0, 0, "", ""),
        (stat.S_IFREG, 0o646, 0, 0, "everybody can change odd, and so what these programs do", ""),
        (stat.S_IFREG, 0o644, 7, 0, "the user with id 7 can change odd, and so", ""),
        (stat.S_IFREG, 0o664, 0, 9, "", "the group with id 9 can change odd"),
        (stat.S_IFDIR, STICKY, 0, 0, "everybody can change odd, and so what these programs do", ""),
        (stat.S_IFLNK, 0o777, 0, 9, "", ""),
        (stat.S_IFLNK, 0o777, 7, 9, "the user with id 7 can change odd, and so", ""),
    ],
)
def test_who_else_could_have_changed_what_root_has_installed(
    monkeypatch: pytest.MonkeyPatch, kind: int, mode: int, owner: int, group: int,
    said: str, warned: str,
) -> None:  # fmt: skip
    own: Any = [Step(SimpleNamespace(st_mode=kind | mode, st_uid=owner, st_gid=group))] * 2
    monkeypatch.setattr(os, "getegid", lambda: 3)
    warnings: list[str] = []
    for me in (0, 5):
        monkeypatch.setattr(os, "geteuid", lambda me=me: me)
        found = list(checks.what_others_can_change([], own, warnings.append))
        assert [text.startswith(said) for text in found] == ([True] if said and me == 0 else [])
    assert warnings == ([warned] if warned else [])


def test_a_sticky_folder_may_be_above_and_not_the_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "_steps", lambda path: [path])
    tmp_path.chmod(STICKY)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid)
    [said] = checks.what_others_can_change([tmp_path], [], print)
    assert said.startswith(f"everybody can change {tmp_path}, ")
    monkeypatch.setattr(checks, "_steps", lambda path: [path.parent])
    assert list(checks.what_others_can_change([tmp_path / "a"], [], print)) == []


def test_all_folders_and_links_that_lead_to_a_path_are_steps(tmp_path: Path) -> None:
    real = Path(os.path.realpath(tmp_path))
    (real / "real/a").mkdir(parents=True)
    (real / "link").symlink_to("other/../second")
    (real / "other").mkdir()
    (real / "second").symlink_to(real / "real")
    (real / "loop").symlink_to("loop")
    above = [*reversed(real.parents), real]
    other = [real / "link", real / "other", real, real / "second"]
    steps = list(vars(checks)["_steps"](real / "link/a/nowhere/x"))
    assert steps == [*above, *other, *above, real / "real", real / "real/a"]
    assert list(vars(checks)["_steps"](real / "loop/x")) == above


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("exit 100", ""),
        ("exit 3", "{} does not work: exit 3"),
        ("echo why >&2; exit 1", "{} does not work: why"),
        (None, "{} cannot be executed: Permission denied (is that noexec?)"),
    ],
)
def test_a_launcher_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, problem: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 5)
    launcher = tmp_path / "svok"
    launcher.write_text(f"#!/bin/sh\n{script}\n")
    launcher.chmod(0o755 if script else 0o644)
    expected = [problem.format(launcher)] if problem else []
    assert checks.verify(tmp_path, "/bin/sh", "/") == expected


def test_for_root_what_is_closed_to_others_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    tried: list[tuple[str, object]] = []

    def trial(launcher: Path, user: int | None) -> list[str]:
        tried.append((launcher.name, user))
        return ["no"] if user else []

    closed = {"/lib": "closed", "/bin": "closed"}
    monkeypatch.setattr(checks, "_trial", trial)
    monkeypatch.setattr(checks, "_closed", lambda path: closed.get(str(path), ""))
    assert checks.verify(tmp_path, "/bin", "/lib") == ["closed"]
    assert tried == [("svok", None)]
    closed.clear()
    assert checks.verify(tmp_path, "/bin", "/lib") == ["no"]
    assert tried == [("svok", None)] * 2 + [("svok", 65534)]


def test_nobody_has_no_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[object, dict[str, object]]] = []

    def run(command: object, **options: object) -> SimpleNamespace:
        calls.append((command, options))
        return SimpleNamespace(returncode=1, stderr=b" \xff\n")

    monkeypatch.setattr("subprocess.run", run)
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    said = vars(checks)["_trial"](Path("/l"), 65534)
    assert said == ["/l does not work as nobody: \\xff"]
    same = {"capture_output": True, "check": False, "cwd": "/"}
    nobodys = {"user": 65534, "group": 65534, "extra_groups": [], "env": {}}
    nobodys |= {"stdin": subprocess.DEVNULL, "start_new_session": True}
    assert calls == [([Path("/l")], {**same, **nobodys})]
    assert vars(checks)["_trial"](Path("/l"), None) == ["/l does not work: \\xff"]
    assert calls[1] == ([Path("/l")], same)


def test_a_folder_without_an_x_bit_for_others_is_closed(tmp_path: Path) -> None:
    shown = vars(checks)["_closed"]
    folder = tmp_path / "a"
    folder.mkdir()
    folder.chmod(0o750)
    closed = [step for step in (*reversed(folder.parents), folder) if not step.stat().st_mode & 1]
    advice = "for services with setuidgid, give --library or --python a place that is open"
    assert shown(folder / "b") == f"{closed[0]} is closed to other users: {advice}"
    assert shown(Path("/")) == ""


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, ""),
        (b"", ""),
        (b"text\n", ""),
        (b"#!/bin/sh -e\n#!/other\n", "/bin/sh"),
        (b"#! /bin/sh\n", "/bin/sh"),
        (b"#!/bin/sh", "/bin/sh"),
        (b"#!\n/bin/sh\n", ""),
    ],
)
def test_a_launcher_names_its_interpreter(tmp_path: Path, text: bytes | None, found: str) -> None:
    if text is not None:
        (tmp_path / "svok").write_bytes(text)
    expected = os.path.realpath(found) if found else ""
    assert vars(checks)["_interpreter"](tmp_path / "svok") == expected


def test_a_program_that_these_launchers_started_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("bin", "other"):
        (tmp_path / folder).mkdir()
        for name in ("svscan", "supervise", "multilog", "svok"):
            (tmp_path / folder / name).write_text("#!/bin/sh -e\n")
            (tmp_path / folder / name).chmod(0o755)
    here, other = f"PATH={tmp_path}/bin:/bin", f"PATH={tmp_path}/other:{tmp_path}/bin"
    processes = {
        "31": ("svscan", "/bin/sh", f"A=1\0{here}\0"),
        "4": ("multilog", "/bin/sh", f"{here}\0"),
        "5": ("supervise", "/bin/sh", f"{here}\0"),
        "6": ("svok", "/bin/sh", f"{here}\0"),  # lives for a moment
        "7": ("svscan", "/bin/ls", f"{here}\0"),
        "8": ("svscan", "/bin/sh", f"{other}\0"),
        "9": ("svscan", "/bin/sh", "A=1\0"),
        "x": ("svscan", "/bin/sh", f"{here}\0"),
    }
    for number, (name, exe, environment) in processes.items():
        process = tmp_path / "proc" / number
        process.mkdir(parents=True)
        (process / "comm").write_text(f"{name}\n")
        (process / "exe").symlink_to(exe)
        (process / "environ").write_text(environment)
    (tmp_path / "proc/10").mkdir()  # it has just ended
    proc = tmp_path / "proc"
    monkeypatch.setattr(checks, "Path", lambda path: proc if path == "/proc" else Path(path))
    assert checks.running(tmp_path / "bin") == ["multilog 4", "supervise 5", "svscan 31"]
