"""The installer: it writes launchers, replaces its own, and leaves other files alone."""

import subprocess
import sys
from pathlib import Path

import pytest

from daemontools import install

PYTHON = sys.executable


def test_every_program_gets_an_executable_launcher(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, "/nowhere")
    assert sorted(p.name for p in tmp_path.iterdir()) == install.programs()
    assert all(p.stat().st_mode & 0o777 == 0o755 for p in tmp_path.iterdir())


def test_a_second_install_replaces_the_first(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, "/one")
    install.install(tmp_path, PYTHON, "/two")
    assert "/two" in (tmp_path / "svok").read_text()


def test_a_foreign_file_is_neither_overwritten_nor_removed(tmp_path: Path) -> None:
    (tmp_path / "svok").write_text("somebody else's")
    with pytest.raises(FileExistsError, match="svok"):
        install.install(tmp_path, PYTHON, "/nowhere")
    install.remove(tmp_path)
    assert (tmp_path / "svok").read_text() == "somebody else's"


def test_remove_takes_away_what_install_wrote(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, "/nowhere")
    (tmp_path / "other").touch()
    install.remove(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["other"]


def test_an_interpreter_with_a_blank_in_its_path_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot stand"):
        install.launcher("svok", "/my python", "/nowhere")


def test_the_package_can_be_copied_and_taken_away_again(tmp_path: Path) -> None:
    folders = ["--library", str(tmp_path / "library"), str(tmp_path / "bin")]
    command = [PYTHON, "-m", "daemontools.install"]
    subprocess.run([*command, *folders], check=True)
    assert str(tmp_path / "library") in (tmp_path / "bin/svok").read_text()
    assert subprocess.run([tmp_path / "bin/svok"], check=False).returncode == 100
    subprocess.run([*command, "--remove", *folders], check=True)
    assert list((tmp_path / "bin").iterdir()) + list((tmp_path / "library").iterdir()) == []


def test_chains_can_be_switched_off(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, str(Path(install.__file__).parents[1]), chain=False)
    assert "chain.enabled = False" in (tmp_path / "setlock").read_text()
    (tmp_path / "env").mkdir()
    chain = [tmp_path / word for word in ("envdir", "env", "setlock", "lock")] + ["echo", "ran"]
    assert subprocess.run(chain, check=True, capture_output=True).stdout == b"ran\n"


def test_the_command_line_installs_and_removes(tmp_path: Path) -> None:
    command = [PYTHON, "-m", "daemontools.install"]
    subprocess.run([*command, tmp_path], check=True)
    assert (tmp_path / "svok").exists()
    subprocess.run([*command, "--remove", tmp_path], check=True)
    assert list(tmp_path.iterdir()) == []


def test_everything_is_readable_whatever_the_umask(tmp_path: Path) -> None:
    folders = ["--library", str(tmp_path / "new/library"), str(tmp_path / "new/bin")]
    subprocess.run([PYTHON, "-m", "daemontools.install", *folders], check=True, umask=0o077)
    for path in (tmp_path / "new", *(tmp_path / "new").rglob("*")):
        assert path.stat().st_mode & 0o444 == 0o444, path
    assert list((tmp_path / "new/library/daemontools/unix/__pycache__").glob("chain.*.pyc"))


def test_a_link_to_a_launcher_is_replaced_and_a_dangling_one_is_foreign(tmp_path: Path) -> None:
    install.install(tmp_path / "real", PYTHON, "/one")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/svok").symlink_to("../real/svok")
    install.install(tmp_path / "bin", PYTHON, "/two")
    assert not (tmp_path / "bin/svok").is_symlink()
    assert "/one" in (tmp_path / "real/svok").read_text()
    (tmp_path / "bin/svc").unlink()
    (tmp_path / "bin/svc").symlink_to("nowhere")
    with pytest.raises(FileExistsError, match="svc"):
        install.install(tmp_path / "bin", PYTHON, "/three")
    assert "/two" in (tmp_path / "bin/svok").read_text()


@pytest.mark.parametrize("python", ["/nowhere/python3", "/bin/false", "python3"])
def test_an_interpreter_that_does_not_work_is_refused(tmp_path: Path, python: str) -> None:
    with pytest.raises((OSError, ValueError), match=r"[pP]ython"):
        install.install(tmp_path, python, "/nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_second_copy_of_the_package_replaces_the_first(tmp_path: Path) -> None:
    install.copy(tmp_path, PYTHON)
    (tmp_path / "daemontools/stale.py").touch()
    install.copy(tmp_path, PYTHON)
    assert [p.name for p in tmp_path.iterdir()] == ["daemontools"]
    assert not (tmp_path / "daemontools/stale.py").exists()


def test_a_foreign_folder_of_that_name_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    precious = [tmp_path / f"daemontools{end}/package/README" for end in ("", ".old", ".new")]
    for file in precious:
        file.parent.mkdir(parents=True)
        file.touch()
    folders = ["--library", str(tmp_path), str(tmp_path / "bin")]
    for options in ([], ["--remove"]):
        command = [PYTHON, "-m", "daemontools.install", *options, *folders]
        finished = subprocess.run(command, check=False, capture_output=True, text=True)
        assert finished.returncode == 1
        assert "not written by daemontools.install" in finished.stderr
    assert all(file.exists() for file in precious)
