"""What CPython does to a process at its start and afterwards, by version; docs/explain/pythons.md.

unix/start.py puts back what these tests observe. A new CPython that changes more
fails here first. The launchers' flags are those of the installer.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from daemontools import install

needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs /proc")

FACTS = """
import json, os, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
print(json.dumps({
    "ignored": int(status["SigIgn"], 16),
    "caught": int(status["SigCgt"], 16),
    "blocked": int(status["SigBlk"], 16),
    "threads": int(status["Threads"]),
    "environment": dict(os.environ),
    "utf8": sys.flags.utf8_mode,
    "files": [sys.getfilesystemencoding(), sys.getfilesystemencodeerrors()],
    "descriptors": sorted(map(int, os.listdir("/proc/self/fd"))),
}))
"""


def facts(*flags: str, **environment: str) -> dict[str, Any]:
    """What an interpreter of this version reports about itself, in that environment."""
    command = [sys.executable, *flags, "-c", FACTS]
    finished = subprocess.run(command, env=environment, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(finished.stdout)
    return found


def run(code: str, *flags: str) -> str:
    """Run the code, and return what it prints, errors included."""
    command = [sys.executable, *flags, "-c", code]
    finished = subprocess.run(command, text=True, capture_output=True, check=False)
    return finished.stderr + finished.stdout.strip()


def bit(*numbers: int) -> int:
    """The signals as a mask, as the kernel shows them."""
    return sum(1 << (number - 1) for number in numbers)


# 32 and 33 belong to the C library, which may leave them ignored in a child.
STANDARD = bit(*range(1, 32))


@needs_proc
def test_two_signals_become_ignored_one_caught_and_none_blocked() -> None:
    inherited = int(Path("/proc/self/status").read_text().split("SigIgn:")[1].split()[0], 16)
    own = bit(signal.SIGPIPE, signal.SIGXFSZ)  # subprocess sets these to default
    found = facts("-ISXutf8")
    assert found["ignored"] & STANDARD & ~(inherited & ~own) == own
    assert (found["caught"] & STANDARD, found["blocked"]) == (bit(signal.SIGINT), 0)


def test_an_ignored_interrupt_stays_ignored() -> None:
    code = "import signal; print(signal.getsignal(2) is signal.SIG_IGN)"
    script = """trap '' INT; exec "$@" """
    command = ["sh", "-c", script, "sh", sys.executable, "-ISXutf8", "-c", code]
    assert subprocess.run(command, check=True, capture_output=True).stdout == b"True\n"


@needs_proc
def test_it_has_one_thread_and_no_descriptor_of_its_own() -> None:
    found = facts("-ISXutf8")
    assert found["threads"] == 1
    assert len(found["descriptors"]) == 4  # 0 to 2, and the listing's own
    assert found["descriptors"][:3] == [0, 1, 2]


@needs_proc
@pytest.mark.parametrize("given", [{}, {"LC_ALL": "C"}, {"LC_CTYPE": "C"}, {"LANG": "C.UTF-8"}])
def test_nothing_but_lc_ctype_is_added_and_only_in_the_c_locale(given: dict[str, str]) -> None:
    is_coerced = given in ({}, {"LC_CTYPE": "C"})
    expected = {**given, "LC_CTYPE": "C.UTF-8"} if is_coerced else given
    assert facts("-ISXutf8", **given)["environment"] == expected


@needs_proc
def test_the_variable_of_the_macos_launcher_is_taken_out() -> None:
    assert facts("-ISXutf8", LC_ALL="C", __PYVENV_LAUNCHER__="x")["environment"] == {"LC_ALL": "C"}


@needs_proc
@pytest.mark.parametrize("locale", ["", "C", "C.UTF-8", "nowhere"])
def test_the_launchers_flags_make_the_locale_irrelevant(locale: str) -> None:
    found = facts("-ISXutf8", LC_ALL=locale)
    assert (found["utf8"], found["files"]) == (1, ["utf-8", "surrogateescape"])


@needs_proc
def test_utf8_mode_is_the_default_from_315_on() -> None:
    assert facts("-IS", LC_ALL="C.UTF-8")["utf8"] == (sys.version_info >= (3, 15))


@pytest.mark.parametrize(
    ("limit", "before", "since"),
    [(-2, "set", "Cannot convert negative int"), (2**63, "too large", "set")],
)
def test_limits_are_without_sign_from_314_on(limit: int, before: str, since: str) -> None:
    change = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, -1))"
    said = run(f"import resource\n{change}\nprint('set')", "-W", "ignore")
    assert (since if sys.version_info >= (3, 14) else before) in said.splitlines()[-1]


def test_no_limit_is_minus_one_until_314() -> None:
    said = run("import resource\nprint(resource.RLIM_INFINITY)")
    assert int(said) == (2**64 - 1 if sys.version_info >= (3, 15) else -1)


def test_where_warnings_are_errors_a_fork_beside_a_thread_raises_from_315_on() -> None:
    code = """
import os, threading
end = threading.Event()
threading.Thread(target=end.wait).start()
try:
    if os.fork() == 0:
        os._exit(0)
    print("forked")
except DeprecationWarning:
    print("raised")
end.set()
"""
    said = run(code, "-W", "error")
    expected = "raised" if sys.version_info >= (3, 15) else "forked"
    assert said.splitlines()[-1] == expected


@needs_proc
def test_svscan_forks_with_one_thread(tmp_path: Path) -> None:
    install.install(tmp_path / "bin", sys.executable, str(Path(install.__file__).parents[1]))
    (tmp_path / "s/a").mkdir(parents=True)
    (tmp_path / "s/a/run").write_text("#!/bin/sh\necho up >../../up\nexec sleep 1000\n")
    (tmp_path / "s/a/run").chmod(0o755)
    os.mkfifo(tmp_path / "up")
    svscan = subprocess.Popen(
        [tmp_path / "bin/svscan", tmp_path / "s"], stderr=subprocess.DEVNULL, process_group=0
    )
    try:
        assert (tmp_path / "up").read_text() == "up\n"
        children = Path(f"/proc/{svscan.pid}/task/{svscan.pid}/children").read_text().split()
        assert children
        for pid in (svscan.pid, *children):
            assert "Threads:\t1\n" in Path(f"/proc/{pid}/status").read_text()
    finally:
        subprocess.run([tmp_path / "bin/svc", "-dx", tmp_path / "s/a"], check=False)
        os.killpg(svscan.pid, signal.SIGKILL)
        svscan.wait()


def others() -> dict[str, str]:
    """Interpreters on PATH of other versions than this one, each with its tag of compiled files."""
    names = [f"python3.{minor}" for minor in range(11, 20) if minor != sys.version_info.minor]
    question = ["-ISc", "import sys; print(sys.implementation.cache_tag)"]
    found = {}
    for python in filter(None, map(shutil.which, names)):
        answer = subprocess.run([python, *question], capture_output=True, text=True, check=False)
        if answer.returncode == 0:  # a version manager's interpreter may exist and not work
            found[python] = answer.stdout.strip()
    return found


def test_the_installer_compiles_by_the_launchers_interpreter(tmp_path: Path) -> None:
    found = others()
    if not found:
        pytest.skip("needs another Python on PATH")
    for python, tag in found.items():
        library, folder = tmp_path / f"{tag}/library", tmp_path / f"{tag}/bin"
        command = [sys.executable, "-Im", "daemontools.install", "--python", python]
        subprocess.run([*command, "--library", library, folder], check=True)
        modules = {file.stem for file in (library / "daemontools/programs").glob("*.py")}
        compiled = list(library.rglob("programs/__pycache__/*"))
        assert {file.name for file in compiled} == {f"{name}.{tag}.pyc" for name in modules}
        assert (folder / "svok").read_text().startswith(f"#!{python} -")
        assert subprocess.run([folder / "svok", tmp_path], check=False).returncode == 100
        assert set(library.rglob("programs/__pycache__/*")) == set(compiled)
