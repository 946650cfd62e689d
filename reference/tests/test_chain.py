"""Chains in one process: what the conformance suite cannot ask of other implementations.

The clauses chain/... test that the final program sees the same as after separate processes.
These tests show that the processes are not separate, and when they are.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from access import is_closed_to_others, open_to_everybody

from daemontools import install

PYTHON = os.path.realpath(sys.executable)
LIBRARY = str(Path(install.__file__).parents[1])

needs_strace = pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """A directory with the launchers."""
    install.install(tmp_path / "bin", PYTHON, LIBRARY)
    (tmp_path / "env").mkdir()
    return tmp_path / "bin"


def starts(
    commands: Path, *words: str | Path, environment: Mapping[str, str] = MappingProxyType({})
) -> list[str]:
    """The base names of the files that were executed successfully, the last one included."""
    log = commands.parent / "log"
    call = ["strace", "-f", "-e", "trace=execve", "-e", "signal=none", "-o", str(log), *words]
    path = {"PATH": f"{commands}:/usr/bin:/bin"}
    subprocess.run(call, check=True, cwd=commands.parent, env={**path, **environment})
    done = [line for line in log.read_text().splitlines() if line.endswith(" = 0")]
    return [line.partition('"')[2].partition('"')[0].rpartition("/")[2] for line in done]


@needs_strace
def test_a_chain_is_one_start(commands: Path) -> None:
    chain = ["softlimit", "-m", "4000000", "envdir", "env", "setlock", "lock", "pgrphack"]
    assert starts(commands, *chain, "/bin/true") == ["softlimit", "true"]


@needs_strace
@pytest.mark.parametrize(
    "first",
    [
        ["softlimit", "-m", "4000000"],
        ["envdir", "env"],
        ["envuidgid", "root"],
        ["setlock", "lock"],
        ["pgrphack"],
    ],
    ids=lambda words: words[0],
)
def test_each_program_that_keeps_its_user_gets_ready_for_the_next(
    commands: Path, first: list[str]
) -> None:
    assert starts(commands, *first, "envdir", "env", "/bin/true") == [first[0], "true"]


@needs_strace
def test_programs_with_a_slash_are_found_too(commands: Path) -> None:
    assert starts(commands, "bin/envdir", "env", "bin/pgrphack", "true") == ["envdir", "true"]


@needs_strace
def test_links_to_the_launchers_are_followed(commands: Path) -> None:
    other = commands.parent / "other"
    other.mkdir()
    for name in ("envdir", "pgrphack"):
        (other / name).symlink_to(commands / name)
    chain = ["other/envdir", "env", "other/pgrphack", "pgrphack", "true"]
    assert starts(commands, *chain) == ["envdir", "true"]


@needs_strace
def test_a_launcher_of_another_installation_is_executed(commands: Path) -> None:
    other = commands.parent / "other"
    install.install(other, PYTHON, str(Path(install.copy(commands.parent / "library", PYTHON))))
    chain = ["envdir", "env", "other/pgrphack", "true"]
    assert starts(commands, *chain) == ["envdir", "pgrphack", "true"]


@needs_strace
def test_pips_scripts_are_known_too(commands: Path) -> None:
    for name in ("envdir", "pgrphack"):
        lines = [f"#!{PYTHON}", "import sys", f"sys.path.append({LIBRARY!r})"]
        lines += [f"from daemontools.scripts import {name}", f"sys.exit({name}())"]
        (commands / name).write_text("\n".join(lines) + "\n")
    assert starts(commands, "envdir", "env", "pgrphack", "true") == ["envdir", "true"]


@needs_strace
def test_a_library_may_have_the_name_of_a_program(tmp_path: Path) -> None:
    library = install.copy(tmp_path / "softlimit" / "envdir", PYTHON)
    install.install(tmp_path / "bin", PYTHON, library)
    (tmp_path / "env").mkdir()
    chain = ["softlimit", "-c", "0", "envdir", "env", "softlimit", "-c", "0", "true"]
    assert starts(tmp_path / "bin", *chain) == ["softlimit", "true"]


@needs_root
@needs_strace
@pytest.mark.skipif(is_closed_to_others(Path(PYTHON)), reason="nobody may run this interpreter")
@pytest.mark.parametrize("account", ["nobody", "root"])
def test_setuidgid_executes_what_follows_and_a_new_chain_begins(
    commands: Path, account: str
) -> None:
    open_to_everybody(commands.parent)
    chain = ["softlimit", "-p", "1000", "setuidgid", account, "envdir", "env", "pgrphack", "true"]
    assert starts(commands, *chain) == ["softlimit", "envdir", "true"]


@needs_root
@pytest.mark.skipif(is_closed_to_others(Path(PYTHON)), reason="nobody may run this interpreter")
@pytest.mark.parametrize(
    ("line", "runs"),
    [
        ("softlimit -m 4000000 setuidgid nobody envdir ./env true", False),
        ("softlimit -m 4000000 envdir ./env setuidgid nobody true", True),
        ("setuidgid nobody softlimit -m 4000000 envdir ./env true", True),
    ],
)
def test_of_answer_9_3_the_first_line_dies_and_both_changes_run(
    commands: Path, tmp_path: Path, line: str, runs: bool
) -> None:
    open_to_everybody(tmp_path)
    environment = {"PATH": f"{commands}:/usr/bin:/bin"}
    done = subprocess.run(line.split(), cwd=tmp_path, env=environment, check=False)
    assert (done.returncode == 0) is runs


@needs_strace
@pytest.mark.parametrize("variable", ["PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__"])
def test_what_the_interpreter_believes_to_be_its_name_does_not_count(
    commands: Path, variable: str
) -> None:
    chain = ["softlimit", "-m", "4000000", "envdir", "env", "pgrphack", "true"]
    environment = {variable: "/nonexistent/python"}
    assert starts(commands, *chain, environment=environment) == ["softlimit", "true"]


@needs_strace
def test_no_chain_executes_each(commands: Path) -> None:
    install.install(commands, PYTHON, LIBRARY, chain=False)
    chain = ["envdir", "env", "pgrphack", "setlock", "lock", "true"]
    assert starts(commands, *chain) == ["envdir", "pgrphack", "setlock", "true"]


@needs_strace
def test_a_launcher_without_permission_is_not_called(commands: Path) -> None:
    (commands / "pgrphack").chmod(0o644)
    answer = subprocess.run(
        [commands / "envdir", "env", "pgrphack", "true"],
        cwd=commands.parent,
        env={"PATH": str(commands)},
        capture_output=True,
        check=False,
    )
    message = b"envdir: fatal: unable to run pgrphack: access denied\n"
    assert (answer.returncode, answer.stderr) == (111, message)


@needs_root
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs unshare")
def test_a_launcher_on_a_noexec_mount_is_not_called(commands: Path) -> None:
    script = f"mount -t tmpfs -o noexec none {commands.parent}/env && cp -p {commands}/* env/ && "
    script += "bin/softlimit -c 0 env/pgrphack echo no"
    answer = subprocess.run(
        ["unshare", "-m", "sh", "-c", script], cwd=commands.parent, capture_output=True, check=False
    )
    if b"mount" in answer.stderr or b"unshare" in answer.stderr:
        pytest.skip("mount namespaces are not permitted here")
    message = b"softlimit: fatal: unable to run env/pgrphack: access denied\n"
    assert (answer.returncode, answer.stderr) == (111, message)


@pytest.fixture
def closed_home(tmp_path: Path) -> Path:
    """A directory that only root may enter, in one that everybody may enter."""
    open_to_everybody(tmp_path)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    return home


def run(folder: Path, *words: str) -> tuple[int, bytes, bytes]:
    """The exit code, the output and the messages of a command in that folder."""
    answer = subprocess.run(words, cwd=folder, capture_output=True, check=False)
    return answer.returncode, answer.stdout, answer.stderr


@needs_root
def test_as_any_exec_a_step_after_setuidgid_needs_an_interpreter_open_to_the_user(
    closed_home: Path,
) -> None:
    folder, python = closed_home.parent, closed_home / "python3"
    shutil.copy(PYTHON, python)
    try:
        install.install(folder / "bin", str(python), install.copy(folder / "lib", PYTHON))
    except ValueError:
        pytest.skip("this interpreter cannot be copied")
    message = b"setuidgid: fatal: unable to run bin/pgrphack: access denied\n"
    assert run(folder, "bin/setuidgid", "nobody", "bin/pgrphack", "true") == (111, b"", message)


@needs_root
@pytest.mark.skipif(is_closed_to_others(Path(PYTHON)), reason="nobody may run this interpreter")
def test_only_a_step_after_setuidgid_needs_a_library_open_to_the_user(closed_home: Path) -> None:
    folder = closed_home.parent
    install.install(folder / "bin", PYTHON, install.copy(closed_home, PYTHON))
    closed_home.chmod(0o700)
    last = run(folder, "bin/softlimit", "-o", "9", "bin/setuidgid", "nobody", "echo", "ran")
    code, output, _ = run(folder, "bin/setuidgid", "nobody", "bin/pgrphack", "echo", "no")
    assert last == (0, b"ran\n", b"")
    assert (code, output) == (111, b"")


@needs_strace
@pytest.mark.parametrize(
    ("kilobytes", "limit", "expected"),
    [
        (100, ["-c", "0"], ["softlimit", "true"]),
        (140, ["-c", "0"], ["softlimit", "envdir", "true"]),
        (140, ["-a", "8000000"], ["softlimit", "true"]),
        (140, ["-a", "8000000", "-s", "2000000"], ["softlimit", "true"]),
    ],
)
def test_what_exec_might_find_too_long_is_executed(
    commands: Path, kilobytes: int, limit: list[str], expected: list[str]
) -> None:
    environment = {f"V{n}": "x" * 1000 for n in range(kilobytes)}
    chain = ["softlimit", *limit, "envdir", "env", "true"]
    assert starts(commands, *chain, environment=environment) == expected


WITH_AN_ODD_ENTRY = """
import ctypes
words = [b"envdir", b"env", b"softlimit", b"-o", b"3", b"./none"]
argv = (ctypes.c_char_p * 7)(*words, None)
envp = (ctypes.c_char_p * 3)(b"PATH=bin", b"odd", None)
ctypes.CDLL(None).execve(b"bin/envdir", argv, envp)
"""


def test_an_entry_without_a_name_needs_no_descriptor_at_the_end(commands: Path) -> None:
    (commands.parent / "env/NEW").write_text("1")
    call = [PYTHON, "-c", WITH_AN_ODD_ENTRY]
    answer = subprocess.run(call, cwd=commands.parent, capture_output=True, check=False)
    message = b"softlimit: fatal: unable to run ./none: file does not exist\n"
    assert (answer.returncode, answer.stderr) == (111, message)


def test_a_library_to_preload_counts_for_the_program_that_is_executed(commands: Path) -> None:
    (commands.parent / "env/LD_PRELOAD").write_text("/nonexistent/library\n")
    answer = subprocess.run(
        [commands / "envdir", "env", "pgrphack", "true"],
        cwd=commands.parent,
        env={"PATH": f"{commands}:/usr/bin:/bin"},
        capture_output=True,
        check=True,
    )
    assert answer.stderr.count(b"/nonexistent/library") == 1


@pytest.mark.parametrize("content", ["this is no Python", "raise SystemExit(0)", "1 / 0"])
@pytest.mark.parametrize(
    "first", [["softlimit"], ["envdir", "env"], ["envuidgid", "root"], ["setlock", "lock"]]
)
def test_a_step_whose_module_is_broken_says_so_itself(
    tmp_path: Path, first: list[str], content: str
) -> None:
    library = Path(install.copy(tmp_path, PYTHON))
    install.install(tmp_path / "bin", PYTHON, str(library))
    (tmp_path / "env").mkdir()
    (library / "daemontools/programs/pgrphack.py").write_text(content)
    path = {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    chain = [f"{tmp_path}/bin/{first[0]}", *first[1:], "pgrphack", "true"]
    ended = subprocess.run(chain, cwd=tmp_path, env=path, check=False, capture_output=True)
    assert ended.returncode == 111
    assert ended.stderr.startswith(b"pgrphack: fatal: unable to load its modules: ")
    assert ended.stderr.count(b"\n") == 1


ODD_ENTRY_FIRST = """
import ctypes
argv = (ctypes.c_char_p * 4)(b"envdir", b"env", b"true", None)
envp = (ctypes.c_char_p * 3)(b"odd", b"PATH=/usr/bin:/bin", None)
ctypes.CDLL(None).execve(b"bin/envdir", argv, envp)
"""


def test_an_odd_environment_without_ctypes_is_an_error_in_one_line(tmp_path: Path) -> None:
    library = Path(install.copy(tmp_path, PYTHON))
    install.install(tmp_path / "bin", PYTHON, str(library))
    (library / "ctypes.py").write_text("raise ImportError")
    launcher = tmp_path / "bin/envdir"
    launcher.write_text(launcher.read_text().replace("path.append(", "path.insert(0, "))
    (tmp_path / "env").mkdir()
    (tmp_path / "env/NEW").write_text("1")
    start = [PYTHON, "-c", ODD_ENTRY_FIRST]
    ended = subprocess.run(start, cwd=tmp_path, check=False, capture_output=True)
    said = b"envdir: fatal: unable to run true: system call not available\n"
    assert (ended.returncode, ended.stderr) == (111, said)
