"""The installer: it writes launchers, replaces its own, and leaves other files alone."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import daemontools
from daemontools import install
from daemontools.installing import files

PYTHON = sys.executable
_COMPILED = shutil.ignore_patterns("__pycache__")


def test_every_program_gets_an_executable_launcher(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, "/nowhere")
    assert sorted(p.name for p in tmp_path.iterdir()) == install.commands()
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
    with pytest.raises(ValueError, match="cannot be used"):
        install.launcher("svok", "/my python", "/nowhere")


def test_the_package_can_be_copied_and_taken_away_again(tmp_path: Path) -> None:
    folders = ["--library", str(tmp_path / "library"), str(tmp_path / "bin")]
    command = [PYTHON, "-I", "-m", "daemontools.install"]
    subprocess.run([*command, *folders], check=True)
    assert str(tmp_path / "library") in (tmp_path / "bin/svok").read_text()
    assert subprocess.run([tmp_path / "bin/svok"], check=False).returncode == 100
    subprocess.run([*command, "--remove", *folders], check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["bin"]
    assert list((tmp_path / "bin").iterdir()) == []


def test_chains_can_be_switched_off(tmp_path: Path) -> None:
    install.install(tmp_path, PYTHON, str(Path(install.__file__).parents[1]), chain=False)
    assert "chain.enabled = False" in (tmp_path / "setlock").read_text()
    (tmp_path / "env").mkdir()
    chain = [tmp_path / word for word in ("envdir", "env", "setlock", "lock")] + ["echo", "ran"]
    assert subprocess.run(chain, check=True, capture_output=True).stdout == b"ran\n"


def test_the_command_line_installs_and_removes(tmp_path: Path) -> None:
    command = [PYTHON, "-I", "-m", "daemontools.install"]
    subprocess.run([*command, tmp_path], check=True)
    assert (tmp_path / "svok").exists()
    subprocess.run([*command, "--remove", tmp_path], check=True)
    assert list(tmp_path.iterdir()) == []


def test_everything_is_readable_whatever_the_umask(tmp_path: Path) -> None:
    folders = ["--library", str(tmp_path / "new/library"), str(tmp_path / "new/bin")]
    subprocess.run([PYTHON, "-I", "-m", "daemontools.install", *folders], check=True, umask=0o077)
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
    old = tmp_path / "library/0.0.9-0123456789ab/daemontools/installing/files.py"
    old.parent.mkdir(parents=True)
    old.write_text(files.MARK)
    (tmp_path / "library/daemontools").symlink_to("0.0.9-0123456789ab/daemontools")
    folders = ["--library", str(tmp_path / "library"), str(tmp_path / "bin")]
    subprocess.run([PYTHON, "-I", "-m", "daemontools.install", *folders], check=True)
    copied = (tmp_path / "library/daemontools").resolve().parent
    assert copied.name.startswith(f"{daemontools.__version__}-")
    assert str(copied) in (tmp_path / "bin/svok").read_text()
    assert old.exists()  # a program that has just started may still import from it
    subprocess.run([PYTHON, "-I", "-m", "daemontools.install", *folders], check=True)
    assert not old.exists()


def test_a_foreign_folder_of_that_name_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    precious = [tmp_path / f"daemontools{end}/package/README" for end in ("", ".old", ".new")]
    for file in precious:
        file.parent.mkdir(parents=True)
        file.touch()
    folders = ["--library", str(tmp_path), str(tmp_path / "bin")]
    for options in ([], ["--remove"]):
        command = [PYTHON, "-I", "-m", "daemontools.install", *options, *folders]
        finished = subprocess.run(command, check=False, capture_output=True, text=True)
        assert finished.returncode == 1
        assert "not written by daemontools.install" in finished.stderr
    assert all(file.exists() for file in precious)


def test_no_program_writes_compiled_modules(tmp_path: Path) -> None:
    package = tmp_path / "library/daemontools"
    shutil.copytree(Path(install.__file__).parent, package, ignore=_COMPILED)
    for program in install.commands():
        launcher = tmp_path / program
        launcher.write_text(install.launcher(program, PYTHON, str(package.parent)))
        launcher.chmod(0o755)
        if program != "svscanboot":  # it would start the machine's services
            call: list[str | Path] = [launcher, "nothing-of-this-name"]
            null = subprocess.DEVNULL
            subprocess.run(call, cwd=tmp_path, stdin=null, umask=0, check=False, timeout=60)
    assert not list(tmp_path.rglob("__pycache__"))


def test_a_library_that_cannot_be_compiled_gives_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "daemontools").mkdir()
    (tmp_path / "daemontools/wrong.py").write_text("this is no Python")
    install.compile_package(PYTHON, str(tmp_path))
    assert "warning: unable to compile" in capsys.readouterr().err


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_not_a_file_makes_room_for_a_compiled_module(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folders = ["--library", str(tmp_path / "library"), str(tmp_path / "bin")]
    command = [PYTHON, "-I", "-m", "daemontools.install", *folders]
    subprocess.run(command, check=True)
    (compiled,) = (tmp_path / "library/daemontools/unix/__pycache__").glob("chain.*.pyc")
    compiled.unlink()
    make(compiled)
    subprocess.run(command, check=True, timeout=60)
    assert compiled.is_file()


def test_the_library_is_on_the_disk_before_anything_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def sync() -> None:
        seen.append([str(file.relative_to(tmp_path)) for file in tmp_path.rglob("chain.py")])

    monkeypatch.setattr(os, "sync", sync)
    install.copy(tmp_path / "library", PYTHON)
    ((unnamed,),) = seen
    assert unnamed.startswith(f"library/{files.UNFINISHED}")


UNDER_LIMIT = """
import resource, sys
from daemontools import install
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
install.compile_package(sys.executable, sys.argv[1])
"""


def test_no_part_of_a_compiled_module_stays(tmp_path: Path) -> None:
    # CPython 3.11 takes a short write for a whole one: on a full disk, or at a limit.
    (tmp_path / "daemontools").mkdir()
    (tmp_path / "daemontools/small.py").write_text("x = 1\n")
    (tmp_path / "daemontools/large.py").write_text(f"x = {'x' * 9000!r}\n")
    command = [PYTHON, "-I", "-c", UNDER_LIMIT, str(tmp_path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert "warning: unable to compile" in said
    names = [file.name.partition(".")[0] for file in tmp_path.rglob("*.pyc*")]
    assert names == ["small"]


@pytest.mark.parametrize("damage", [lambda text: text[:-1], lambda text: text[:16] + bytes(99)])
def test_a_damaged_compiled_module_is_compiled_again(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    (tmp_path / "daemontools").mkdir()
    (tmp_path / "daemontools/small.py").write_text("x = 1\n")
    install.compile_package(PYTHON, str(tmp_path))
    (compiled,) = tmp_path.rglob("*.pyc")
    whole = compiled.read_bytes()
    compiled.write_bytes(damage(whole))
    install.compile_package(PYTHON, str(tmp_path))
    assert compiled.read_bytes() == whole


HOSTILE = "import os; os.write(2, b'TRAPPED')\n"


@pytest.mark.parametrize("module", ["install", "logs"])
def test_a_package_in_the_working_directory_has_no_say(tmp_path: Path, module: str) -> None:
    (tmp_path / "daemontools").mkdir()
    for name in ("__init__", module, "argparse"):
        (tmp_path / f"daemontools/{name}.py").write_text(HOSTILE)
    (tmp_path / "argparse.py").write_text(HOSTILE)
    for option in ("-I", "-P"):
        command = [PYTHON, option, "-m", f"daemontools.{module}", "--help"]
        shown = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        assert f"python -I -m daemontools.{module}".encode() in shown.stdout
        assert b"TRAPPED" not in shown.stderr


def test_a_file_that_waits_under_a_likely_name_is_left_alone(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/.svc.new").symlink_to(victim)
    os.mkfifo(tmp_path / "bin/.svok.new")
    install.install(tmp_path / "bin", PYTHON, "/nowhere")
    assert victim.read_text() == "precious"
    assert not (tmp_path / "bin/svc").is_symlink()
    assert (tmp_path / "bin/svok").is_file()


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "svc")
    with pytest.raises(FileExistsError, match="svc"):
        install.install(tmp_path, PYTHON, "/nowhere")
