"""What docs/reference/trust.md says and no clause can: each row is run here.

Where it says "as with 0.76's", djb's programs do the same thing, if they are installed.
"""

import os
import pwd
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from access import is_closed_to_others, open_to_everybody

from daemontools import install
from daemontools.installing import files

PYTHON = os.path.realpath(sys.executable)
LIBRARY = str(Path(install.__file__).parents[1])
DJBS = Path("/usr/bin")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
needs_compiler = pytest.mark.skipif(not shutil.which("gcc"), reason="needs gcc")
needs_open_interpreter = pytest.mark.skipif(
    is_closed_to_others(Path(PYTHON)), reason="nobody may run this interpreter"
)


@pytest.fixture(scope="module")
def launchers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of launchers and their library that everybody may use."""
    folder = tmp_path_factory.mktemp("bin")
    open_to_everybody(folder)
    library = install.copy(folder / "library", PYTHON)
    install.install(folder, PYTHON, library)
    install.install(folder / "no-chain", PYTHON, library, chain=False)
    return folder


@pytest.fixture(params=["reference", "0.76"])
def programs(request: pytest.FixtureRequest, launchers: Path) -> Path:
    """The launchers, and then djb's programs."""
    if request.param == "reference":
        return launchers
    if not (DJBS / "envuidgid").is_file() or files.is_ours(DJBS / "envuidgid"):
        pytest.skip("0.76 is not installed")
    return DJBS


def run(
    folder: Path, *words: str | Path, path: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a command there to its end."""
    environment = {"PATH": f"{path}:/usr/bin:/bin", **variables}
    return subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, check=False, timeout=60
    )


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start a command there; the end of the test kills it and all that it started."""
    started = []

    def start(*words: str | Path, path: Path) -> subprocess.Popen[bytes]:
        environment = {"PATH": f"{path}:/usr/bin:/bin", "SECRET": "1"}
        process = subprocess.Popen(words, cwd=tmp_path, env=environment, process_group=0)
        started.append(process)
        return process

    yield start
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def make_run(folder: Path, lines: str) -> None:
    """Make a service directory whose run script has these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run").write_text(f"#!/bin/sh\n{lines}\n")
    (folder / "run").chmod(0o755)


def wait_until(question: Callable[[], object]) -> None:
    """Ask until the answer is yes; half a minute at most."""
    deadline = time.monotonic() + 30
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# Links in folders of others

LINKS = ("lock", "state", "newstate", "current", "previous", "processed", "status")


def tree(folder: Path) -> dict[str, tuple[str, str]]:
    """Each file below the folder: its kind and mode, and its content or target."""
    seen = {}
    for path in folder.rglob("*"):
        name = re.sub("@[0-9a-f]{24}", "@STAMP", str(path.relative_to(folder)))
        content = os.readlink(path) if path.is_symlink() else ""
        if path.is_file() and not path.is_symlink():
            content = path.read_text()
        seen[name] = (stat.filemode(path.lstat().st_mode), content)
    return seen


@pytest.mark.parametrize("target", ["precious", "nothing"])
@pytest.mark.parametrize("name", LINKS)
def test_multilog_follows_links_in_a_log_directory_as_0_76_does(
    launchers: Path, tmp_path: Path, name: str, target: str
) -> None:
    if not (DJBS / "multilog").is_file() or files.is_ours(DJBS / "multilog"):
        pytest.skip("0.76 is not installed")
    seen = []
    for programs in (launchers, DJBS):
        folder = tmp_path / programs.name
        (folder / "log").mkdir(parents=True)
        (folder / "precious").write_text("precious\n")
        (folder / "precious").chmod(0o640)
        (folder / "log" / name).symlink_to(f"../{target}")
        script: list[str | Path] = [programs / "multilog", "./log", "=log/status"]
        ended = subprocess.run(
            script, cwd=folder, input=b"line\n", capture_output=True, check=False, timeout=60
        )
        seen.append((ended.returncode, ended.stderr, tree(folder)))
    assert seen[0] == seen[1]


@pytest.mark.parametrize("program", ["svok", "svstat"])
def test_a_link_in_place_of_ok_is_opened_and_nothing_is_written(
    programs: Path, tmp_path: Path, program: str
) -> None:
    (tmp_path / "s/supervise").mkdir(parents=True)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "s/supervise/ok").symlink_to("../../precious")
    run(tmp_path, programs / program, "s")
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_link_in_place_of_control_commands_another_service(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "theirs/supervise").mkdir(parents=True)
    (tmp_path / "theirs/supervise/control").symlink_to("../../s/supervise/control")
    make_run(tmp_path / "s", "exec sleep 99")
    start(programs / "supervise", "s", path=programs)
    wait_until(lambda: b": up (pid " in run(tmp_path, programs / "svstat", "s").stdout)
    run(tmp_path, programs / "svc", "-d", "theirs")
    wait_until(lambda: b": down " in run(tmp_path, programs / "svstat", "s").stdout)


def test_who_may_write_a_left_over_control_commands_supervise(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "s/supervise").mkdir(parents=True)
    (tmp_path / "s/down").touch()
    make_run(tmp_path / "s", "touch started\nexec sleep 99")
    control = tmp_path / "s/supervise/control"
    os.mkfifo(control)
    control.chmod(0o666)
    start(programs / "supervise", "s", path=programs)
    wait_until((tmp_path / "s/supervise/ok").exists)
    assert control.stat().st_mode & 0o777 == 0o666
    control.write_bytes(b"o")
    wait_until((tmp_path / "s/started").exists)


@needs_root
@needs_open_interpreter
def test_who_may_write_a_folder_on_path_becomes_root(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "s").mkdir()
    make_run(tmp_path / "s", "exec setuidgid nobody sleep 99")
    folder = tmp_path / "nobodys"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    put = "printf '#!/bin/sh\\nid -u >who\\nexec sleep 99\\n' >setuidgid; chmod +x setuidgid"
    assert not run(folder, str(programs / "setuidgid"), "nobody", "sh", "-c", put).stderr
    start(programs / "supervise", "s", path=Path(f"{folder}:{programs}"))
    wait_until(lambda: (tmp_path / "s/who").exists() and (tmp_path / "s/who").read_text() == "0\n")


@needs_root
@needs_open_interpreter
def test_the_group_of_a_monitor_reads_the_status_and_does_nothing_else(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    service = tmp_path / "s"
    service.mkdir()
    make_run(service, "exec sleep 99")
    start(programs / "supervise", "s", path=programs)
    wait_until(lambda: b": up (pid " in run(tmp_path, programs / "svstat", "s").stdout)
    group = pwd.getpwnam("nobody").pw_gid
    for name, mode in (("supervise", 0o710), ("supervise/ok", 0o620)):
        shutil.chown(service / name, group=group)
        (service / name).chmod(mode)
    nobody = [str(programs / "setuidgid"), "nobody"]
    assert b": up (pid " in run(tmp_path, *nobody, str(programs / "svstat"), "s").stdout
    refused = b"svc: warning: unable to control s: access denied\n"
    assert run(tmp_path, *nobody, str(programs / "svc"), "-d", "s").stderr == refused
    for taken in ("<ok", "<lock", ">>lock", ">>status", ">>new", "<>control"):
        ask = run(service / "supervise", *nobody, "sh", "-c", f": {taken}")
        assert b"Permission denied" in ask.stderr, taken


@needs_root
@needs_open_interpreter
def test_a_group_may_use_control_when_it_may_enter_the_folder_as_answer_10_3_says(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    service = tmp_path / "s"
    service.mkdir()
    (service / "down").touch()
    make_run(service, "id -u > user\nexec sleep 99")
    start(programs / "supervise", "s", path=programs)
    wait_until((service / "supervise/ok").exists)
    group = pwd.getpwnam("nobody").pw_gid
    shutil.chown(service / "supervise/control", group=group)
    (service / "supervise/control").chmod(0o660)
    up = [str(programs / "setuidgid"), "nobody", str(programs / "svc"), "-u", "s"]
    refused = b"svc: warning: unable to control s: access denied\n"
    assert run(tmp_path, *up).stderr == refused
    shutil.chown(service / "supervise", group=group)
    (service / "supervise").chmod(0o710)
    assert run(tmp_path, *up).stderr == b""
    wait_until(lambda: (service / "user").exists() and (service / "user").read_text())
    assert (service / "user").read_text() == "0\n"


def test_what_a_service_says_is_among_svscans_messages(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    false = "supervise: fatal: unable to start other/run: access denied\n"
    for run_script in (tmp_path / "tree/s/run", tmp_path / "tree/s/log/run"):
        run_script.parent.mkdir(parents=True, exist_ok=True)
        run_script.write_text(f"#!/bin/sh\nprintf '{false}' >&2\nexec sleep 99\n")
        run_script.chmod(0o755)
    start("sh", "-c", "exec svscan tree 2>says", path=programs)
    says = tmp_path / "says"
    wait_until(lambda: says.exists() and says.read_text() == false * 2)


@needs_root
@needs_open_interpreter
@pytest.mark.parametrize(
    ("kind", "does"),
    [
        ("socket", "import socket; socket.socket(fileno=2).shutdown(socket.SHUT_RDWR)"),
        ("pipe", "import os; os.set_blocking(2, False)"),
        ("file", "import os; os.truncate(1, 0)"),
        ("file", 'import fcntl, os; fcntl.fcntl(1, fcntl.F_SETFL, 0); os.pwrite(1, b"A", 0)'),
    ],
)
def test_a_service_can_keep_svscans_messages_from_everybody(
    programs: Path, tmp_path: Path, kind: str, does: str
) -> None:
    make_run(tmp_path / "tree/s", f"setuidgid nobody {PYTHON} -I -c '{does}'\n>done; exec sleep 99")
    open_to_everybody(tmp_path)
    says = tmp_path / "says"
    says.write_text("a message\n")
    says.chmod(0o600)
    if kind == "socket":
        reads, writes = (end.detach() for end in socket.socketpair())
    elif kind == "pipe":
        reads, writes = os.pipe()
    else:
        reads, writes = os.open(says, os.O_RDONLY), os.open(says, os.O_WRONLY | os.O_APPEND)
    svscan = subprocess.Popen(
        ["svscan", "tree"],
        cwd=tmp_path,
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        stdout=writes,
        stderr=writes,
    )
    try:
        wait_until((tmp_path / "tree/s/done").exists)
        if kind == "socket":
            assert os.read(reads, 1) == b""
        elif kind == "pipe":
            assert not os.get_blocking(writes)
        else:
            assert says.read_text() in ("", "A message\n")
    finally:
        svscan.kill()
        svscan.wait(60)
        run(tmp_path, programs / "svc", "-dx", "tree/s")
        wait_until(lambda: run(tmp_path, programs / "svok", "tree/s").returncode == 100)
        os.close(reads)
        os.close(writes)


@pytest.mark.parametrize("words", [["multilog", "e", "./main"], ["svscan", "tree"]])
@pytest.mark.parametrize("pipe", ["--default-signal=PIPE", "--ignore-signal=PIPE"])
def test_a_message_into_a_socket_that_was_shut_down_may_end_its_writer(
    programs: Path, tmp_path: Path, words: list[str], pipe: str
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/loop").symlink_to("loop")  # svscan warns of it
    reads, writes = socket.socketpair()
    writes.shutdown(socket.SHUT_RDWR)
    with reads, writes:
        ended = subprocess.run(
            ["timeout", "2", "env", pipe, *words],
            cwd=tmp_path,
            env={"PATH": f"{programs}:/usr/bin:/bin"},
            input=b"line\n",
            stderr=writes.fileno(),
            check=False,
        )
    if programs == DJBS:
        dies = pipe == "--default-signal=PIPE"
    else:
        dies = words[0] == "multilog"
    assert (ended.returncode in (-signal.SIGPIPE, 128 + signal.SIGPIPE)) == dies


def test_a_link_in_place_of_status_new_is_followed(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "s/supervise").mkdir(parents=True)
    (tmp_path / "s/down").touch()
    (tmp_path / "precious").write_text("precious, and longer than 18 bytes")
    (tmp_path / "s/supervise/status.new").symlink_to("../../precious")
    start(programs / "supervise", "s", path=programs)
    wait_until((tmp_path / "s/supervise/ok").exists)
    assert (tmp_path / "precious").stat().st_size == 18


# setlock's file


@needs_root
def test_who_may_make_files_beside_setlocks_can_hold_its_lock(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o1777)
    start("setpriv", "--reuid=65534", "flock", "shared/lock", "sleep", "99", path=programs)
    command = (programs / "setlock", "-nx", "shared/lock", "echo", "ran")
    free = (programs / "setlock", "-n", "shared/lock", "true")
    wait_until((tmp_path / "shared/lock").exists)
    wait_until(lambda: run(tmp_path, *free, path=programs).returncode == 111)
    answer = run(tmp_path, *command, path=programs)
    assert (answer.returncode, answer.stdout, answer.stderr) == (0, b"", b"")


@needs_root
@needs_open_interpreter
def test_the_program_behind_setlock_can_unlock_the_file(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    os.mkfifo(tmp_path / "go")
    does = "read line <go; flock -u 3; exec sleep 99"
    chain = [programs / "setlock", "lock", "setuidgid", "nobody", "sh", "-c", does]
    first = start(*chain, path=programs)
    second = (programs / "setlock", "-n", "lock", "true")
    with (tmp_path / "go").open("w"):
        assert run(tmp_path, *second, path=programs).returncode == 111
    wait_until(lambda: run(tmp_path, *second, path=programs).returncode == 0)
    assert first.poll() is None


# The account of setuidgid


@needs_root
@needs_open_interpreter
def test_what_runs_for_the_account_has_nothing_of_roots(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    (tmp_path / "own").mkdir()
    shutil.chown(tmp_path / "own", "nobody")
    open_to_everybody(tmp_path)
    holder = start(programs / "setlock", "own/lock", "sleep", "99", path=programs)
    wait_until((tmp_path / "own/lock").exists)
    shutil.chown(tmp_path / "own/lock", "nobody")
    wait_until(lambda: Path(f"/proc/{holder.pid}/comm").read_text() == "sleep\n")
    capable = ["setpriv", "--inh-caps", "+chown", "--ambient-caps", "+chown", "--groups", "4,6"]
    waiting = start(
        *capable, programs / "setuidgid", "nobody", "setlock", "own/lock", "true", path=programs
    )
    status = Path(f"/proc/{waiting.pid}/status")
    wait_until(lambda: re.search(r"Uid:(\t65534){4}", status.read_text()))
    wait_until(lambda: len(os.listdir(f"/proc/{waiting.pid}/fd")) > 3)
    wait_until(lambda: "own/lock" in " ".join(_open_files(waiting.pid)))
    seen = status.read_text()
    assert re.findall(r"^Cap(?:Prm|Eff|Amb):\t(\w+)$", seen, re.M) == ["0" * 16] * 3
    assert re.findall(r"^Groups:\t(.*?) *$", seen, re.M) == ["65534"]
    assert sum("own/lock" in file for file in _open_files(waiting.pid)) == 1


def _open_files(pid: int) -> list[str]:
    names = []
    for fd in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            names.append(os.readlink(fd))
    return names


@needs_root
@needs_open_interpreter
@pytest.mark.parametrize(
    ("before", "started", "before_setuidgid", "answer"),
    [
        ("", "exec svscan tree", "", "opens"),
        ("setsid -w", "exec svscan tree", "", "does not"),
        ("", "exec svscan tree", "pgrphack", "does not"),
        ("", "cd tree/s; exec ./run", "", "opens"),
        ("", "cd tree/s; exec ./run", "pgrphack", "opens"),
    ],
    ids=["at a terminal", "setsid", "pgrphack", "by hand", "pgrphack by hand"],
)
def test_the_account_can_open_the_terminal_of_an_svscan_without_setsid(
    programs: Path, tmp_path: Path, before: str, started: str, before_setuidgid: str, answer: str
) -> None:
    service = tmp_path / "tree/s"
    service.mkdir(parents=True)
    make_run(
        service,
        "exec >seen 2>says\n"
        f"exec {before_setuidgid} setuidgid nobody sh -c '"
        "if (: </dev/tty); then echo opens; else echo does not; fi; exec sleep 99'",
    )
    of_the_session, terminal = os.openpty()
    command = f"setsid --ctty -w {before} sh -c 'echo $$ >pid; {started}'"
    environment = {"PATH": f"{programs}:/usr/bin:/bin"}
    session = subprocess.Popen(
        ["sh", "-c", f"exec {command}"],
        cwd=tmp_path,
        env=environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    try:
        seen = service / "seen"
        wait_until(lambda: seen.exists() and seen.read_text())
        assert seen.read_text() == f"{answer}\n"
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        run(tmp_path, programs / "svc", "-dx", "tree/s")
        wait_until(lambda: run(tmp_path, programs / "svok", "tree/s").returncode == 100)
        session.wait(60)
        os.close(terminal)
        os.close(of_the_session)


KEPT_FROM = "</dev/null >>log 2>&1"


@needs_root
@needs_open_interpreter
@pytest.mark.parametrize(
    ("directory", "descriptor"), [("tree/s", 0), ("tree/s", 1), ("tree/s", 2), ("tree/s/log", 2)]
)
@pytest.mark.parametrize(
    ("redirections", "answer"), [("</dev/tty", "secret\nend\n"), (KEPT_FROM, "end\n")]
)
def test_a_terminal_that_svscan_has_open_can_be_read_in_spite_of_setsid(
    programs: Path,
    tmp_path: Path,
    directory: str,
    descriptor: int,
    redirections: str,
    answer: str,
) -> None:
    folder = tmp_path / directory
    make_run(tmp_path / "tree/s", "exec sleep 99")
    reads = f"head -n 1 <&{descriptor} >&3; echo end >&3; exec sleep 99"
    make_run(folder, f"exec 3>seen\nexec setuidgid nobody sh -c '{reads}'")
    of_the_session, terminal = os.openpty()
    starts = f"setsid svscan tree {redirections} & echo $! >pid; wait"
    session = subprocess.Popen(
        ["setsid", "--ctty", "-w", "sh", "-c", starts],
        cwd=tmp_path,
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    try:
        os.write(of_the_session, b"secret\n")
        seen = folder / "seen"
        wait_until(lambda: seen.exists() and seen.read_text().endswith("end\n"))
        assert seen.read_text() == answer
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        services = ["tree/s", directory]
        for each in services:
            run(tmp_path, programs / "svc", "-dx", each)
        svok = programs / "svok"
        wait_until(lambda: all(run(tmp_path, svok, each).returncode == 100 for each in services))
        session.kill()
        session.wait(60)
        os.close(terminal)
        os.close(of_the_session)


@needs_root
@needs_open_interpreter
def test_services_of_one_account_can_read_and_end_each_other(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    one = start(programs / "setuidgid", "nobody", "sleep", "99", path=programs)
    wait_until(lambda: Path(f"/proc/{one.pid}/comm").read_text() == "sleep\n")
    other = (programs / "setuidgid", "nobody", "sh", "-c")
    read = run(tmp_path, *other, f"cat /proc/{one.pid}/environ", path=programs)
    assert b"SECRET=1" in read.stdout.split(b"\0")
    run(tmp_path, *other, f"kill {one.pid}", path=programs)
    ended = os.WEXITED | os.WNOWAIT | os.WNOHANG
    wait_until(lambda: os.waitid(os.P_PID, one.pid, ended))


OF_ROOTS_SESSION = """
import ctypes, os, sys
call = ctypes.CDLL(None, use_errno=True).syscall
add_key, keyctl = {"x86_64": (248, 250), "aarch64": (217, 219)}[os.uname().machine]
JOIN, SEARCH, READ, SESSION = 1, 10, 11, -3
if sys.argv[1:]:
    if call(keyctl, JOIN, None) < 0:
        sys.exit("no keys here")
    call(add_key, b"user", b"name", b"a key", 5, SESSION)
    os.execvp(sys.argv[1], sys.argv[1:])
content = ctypes.create_string_buffer(5)
call(keyctl, READ, call(keyctl, SEARCH, SESSION, b"user", b"name", 0), content, 5)
print(content.raw.decode())
"""


@needs_root
@needs_open_interpreter
@pytest.mark.skipif(os.uname().machine not in ("x86_64", "aarch64"), reason="other system calls")
def test_the_account_has_variables_descriptors_and_keys_of_roots_session(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "keys.py").write_text(OF_ROOTS_SESSION)
    (tmp_path / "file").write_text("a file\n")
    (tmp_path / "file").chmod(0o600)
    service = tmp_path / "tree/s"
    asks = f"echo $SECRET; cat <&9; cat /proc/self/oom_score_adj; {PYTHON} -I ../../keys.py"
    make_run(service, f"exec >seen\nexec setuidgid nobody sh -c '{asks}; echo end; exec sleep 99'")
    begins = "exec 9<file; echo 500 >/proc/self/oom_score_adj"
    svscan = start(
        "sh", "-c", f"{begins}; exec {PYTHON} -I keys.py svscan tree 2>says", path=programs
    )
    seen = service / "seen"
    wait_until(lambda: svscan.poll() or (seen.exists() and seen.read_text().endswith("end\n")))
    if (tmp_path / "says").read_text() == "no keys here\n":
        pytest.skip("no keys here")
    assert seen.read_text() == "1\na file\n500\na key\nend\n"


@needs_root
@needs_open_interpreter
def test_a_folder_above_that_is_closed_keeps_nothing_from_the_account(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "closed/tree/other/env").mkdir(parents=True)
    (tmp_path / "closed/tree/other/env/KEY").write_text("secret\n")
    (tmp_path / "closed/tree/other/down").touch()
    make_run(tmp_path / "closed/tree/other", "")
    (tmp_path / "closed").chmod(0o700)
    service = tmp_path / "closed/tree/s"
    asks = f"cat ../other/env/KEY; cat {service}/../other/env/KEY || echo closed; exec sleep 99"
    make_run(service, f"exec >seen 2>&1\nexec setuidgid nobody sh -c '{asks}'")
    start("svscan", "closed/tree", path=programs)
    seen = service / "seen"
    wait_until(lambda: seen.exists() and "closed\n" in seen.read_text())
    assert seen.read_text().startswith("secret\n")


@needs_root
@needs_open_interpreter
@pytest.mark.parametrize(("before_setuidgid", "stays_paused"), [("", False), ("pgrphack", True)])
def test_a_service_can_continue_what_is_paused(
    programs: Path,
    tmp_path: Path,
    start: Callable[..., subprocess.Popen[bytes]],
    before_setuidgid: str,
    stays_paused: bool,
) -> None:
    open_to_everybody(tmp_path)
    os.mkfifo(tmp_path / "go")
    (tmp_path / "go").chmod(0o644)
    make_run(tmp_path / "tree/paused", "echo $$ >pid\nexec sleep 99")
    does = "read pid <../../go; kill -CONT $pid; echo end; exec sleep 9"
    make_run(
        tmp_path / "tree/s",
        f"exec >seen 2>says\nexec {before_setuidgid} setuidgid nobody sh -c '{does}'",
    )
    start("svscan", "tree", path=programs)
    wait_until(lambda: run(tmp_path, programs / "svok", "tree/paused").returncode == 0)
    paused = tmp_path / "tree/paused/pid"
    wait_until(lambda: paused.exists() and paused.read_text())
    process = Path("/proc", paused.read_text().strip(), "stat")
    run(tmp_path, programs / "svc", "-p", "tree/paused")
    wait_until(lambda: process.read_text().split()[2] == "T")
    (tmp_path / "go").write_text(paused.read_text())
    wait_until((tmp_path / "tree/s/seen").read_text)
    assert (process.read_text().split()[2] == "T") == stays_paused


@needs_root
@needs_open_interpreter
def test_a_service_can_leave_a_process_that_svc_does_not_reach(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    open_to_everybody(tmp_path)
    leaves = "sleep 99 & echo $! >&3; exec sleep 99"
    make_run(tmp_path / "s", f"exec 3>left\nexec setuidgid nobody sh -c '{leaves}'")
    supervise = start("supervise", "s", path=programs)
    left = tmp_path / "s/left"
    wait_until(lambda: left.exists() and left.read_text())
    run(tmp_path, programs / "svc", "-dxk", "s")
    supervise.wait(60)
    os.kill(int(left.read_text()), 0)


def has_its_own_process_ids() -> bool:
    """Whether a pid namespace has a pid_max of its own: else a test would change the machine's."""
    if tuple(map(int, re.findall(r"\d+", os.uname().release)[:2])) < (6, 14):
        return False
    return subprocess.run([*NAMESPACE, "sh", "-c", FEW], check=False).returncode == 0


NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
FEW = "echo 400 >/proc/sys/kernel/pid_max"


@needs_root
@needs_open_interpreter
def test_an_account_can_use_up_all_process_ids(
    programs: Path, tmp_path: Path, start: Callable[..., subprocess.Popen[bytes]]
) -> None:
    if not has_its_own_process_ids():
        pytest.skip("the limit is the machine's")
    open_to_everybody(tmp_path)
    make_run(tmp_path / "tree/other", "exec sleep 99")
    (tmp_path / "hog.py").write_text(USES_UP)
    make_run(tmp_path / "tree/hog", f"exec 3>full\nexec setuidgid nobody {PYTHON} -I ../../hog.py")
    start(*NAMESPACE, "sh", "-c", f"{FEW} && exec svscan tree 2>says", path=programs)
    full = tmp_path / "tree/hog/full"
    wait_until(lambda: full.exists() and full.read_text())
    run(tmp_path, programs / "svc", "-t", "tree/other")
    warning = "supervise: warning: unable to fork for other, sleeping 60 seconds: "
    wait_until(lambda: warning in (tmp_path / "says").read_text())


USES_UP = """
import os, time
try:
    while os.fork():
        pass
except OSError:
    os.write(3, b"full")
time.sleep(99)
"""


@needs_root
@needs_open_interpreter
@pytest.mark.parametrize(
    ("limits", "seen"),
    [(["softlimit", "-o", "20"], b"30\n"), (["prlimit", "--nofile=20"], b"")],
    ids=["softlimit", "prlimit"],
)
def test_a_program_can_raise_a_soft_limit_again(
    programs: Path, tmp_path: Path, limits: list[str], seen: bytes
) -> None:
    raises = "ulimit -n 30 && ulimit -n"
    chain = [str(programs / "setuidgid"), "nobody", *limits, "sh", "-c", raises]
    assert run(tmp_path, *chain, path=programs).stdout == seen


# Code by way of the environment


@needs_root
@needs_open_interpreter
def test_a_link_in_an_env_directory_shows_a_line_of_a_file_of_roots(
    programs: Path, tmp_path: Path
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "precious").write_text("a secret\nmore\n")
    (tmp_path / "precious").chmod(0o600)
    (tmp_path / "env").mkdir()
    (tmp_path / "env/LINE").symlink_to("../precious")
    chain: list[str | Path] = [
        programs / "envdir",
        "env",
        "setuidgid",
        "nobody",
        "sh",
        "-c",
        'echo "$LINE"',
    ]
    assert run(tmp_path, *chain, path=programs).stdout == b"a secret\n"


PRELOADED = """
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void hello(void) { dprintf(2, "uid %d\\n", getuid()); }
"""


@needs_root
@needs_compiler
@needs_open_interpreter
def test_a_library_of_an_env_directory_is_loaded_by_what_is_executed_next(
    programs: Path, tmp_path: Path
) -> None:
    open_to_everybody(tmp_path)
    (tmp_path / "hello.c").write_text(PRELOADED)
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-o", "hello.so", "hello.c"], cwd=tmp_path, check=True
    )
    (tmp_path / "env").mkdir()
    (tmp_path / "env/LD_PRELOAD").write_text(f"{tmp_path}/hello.so")
    chain: list[str | Path] = [programs / "envdir", "env", "setuidgid", "nobody", "true"]
    said = run(tmp_path, *chain, path=programs).stderr
    assert said == (b"uid 0\nuid 65534\n" if programs == DJBS else b"uid 65534\n")


TRAP = "import posix; posix.write(1, b'uid %d' % posix.geteuid()); posix._exit(66)\n"


@pytest.fixture
def trap(tmp_path: Path) -> str:
    """What PYTHONEXECUTABLE must name to have TRAP run."""
    (tmp_path / "trap/encodings").mkdir(parents=True)
    (tmp_path / "trap/encodings/__init__.py").write_text(TRAP)
    (tmp_path / "trap/python._pth").write_text(f"{tmp_path}/trap\n")
    open_to_everybody(tmp_path)
    return f"{tmp_path}/trap/python"


def test_an_env_directory_is_trusted_by_each_program_that_is_executed_behind_it(
    launchers: Path, tmp_path: Path, trap: str
) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/PYTHONEXECUTABLE").write_text(trap)

    def is_trapped(folder: Path, program: str) -> bool:
        answer = run(tmp_path, folder / "envdir", "env", program, "true", path=folder)
        return answer.stdout.startswith(b"uid ")

    chain = {"envdir", "envuidgid", "setuidgid", "softlimit", "setlock", "pgrphack"}
    others = {*install.programs()} - chain
    assert [program for program in sorted(chain) if is_trapped(launchers, program)] == []
    assert [program for program in sorted(others) if not is_trapped(launchers, program)] == []
    assert is_trapped(launchers / "no-chain", "pgrphack")


@needs_root
@pytest.mark.parametrize("before", [["setuidgid", "root"], ["nice"]])
def test_behind_what_is_executed_chain_programs_trust_the_env_directory_too(
    launchers: Path, tmp_path: Path, trap: str, before: list[str]
) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/PYTHONEXECUTABLE").write_text(trap)
    chain: list[str | Path] = [launchers / "envdir", "env", *before]
    answer = run(tmp_path, *chain, "pgrphack", "true", path=launchers)
    assert (answer.returncode, answer.stdout) == (66, b"uid 0")


WRAPPER = '#include <unistd.h>\nint main() {{ setuid(0); execl("{0}", "{0}", "/", (char *) 0); }}\n'


@needs_root
@needs_compiler
@needs_open_interpreter
def test_a_set_uid_wrapper_must_clear_the_variable(
    launchers: Path, tmp_path: Path, trap: str
) -> None:
    (tmp_path / "wrapper.c").write_text(WRAPPER.format(launchers / "svok"))
    subprocess.run(["gcc", "-w", "-o", "wrapper", "wrapper.c"], cwd=tmp_path, check=True)
    (tmp_path / "wrapper").chmod(0o4755)
    seen = []
    for environment in ({}, {"PYTHONEXECUTABLE": trap}):
        call = subprocess.run(
            [tmp_path / "wrapper"], env=environment, user="nobody", capture_output=True, check=False
        )
        seen.append((call.returncode, call.stdout))
    if seen[1] == (66, b"uid 65534"):
        pytest.skip("set-uid programs are not permitted here")
    assert seen == [(100, b""), (66, b"uid 0")]


# What comes from others


def test_escape_sequences_of_a_line_come_through(programs: Path, tmp_path: Path) -> None:
    line = b"\x1b]0;title\x07\x1b[2J\x9b31m\n"
    for words in (["multilog", "./log"], ["tai64nlocal"]):
        ended = subprocess.run(
            [programs / words[0], *words[1:]],
            cwd=tmp_path,
            input=line,
            capture_output=True,
            check=True,
        )
    assert (tmp_path / "log/current").read_bytes() == line
    assert ended.stdout == line
    shown = run(tmp_path, PYTHON, "-I", "-c", _LOGS, LIBRARY, tmp_path / "log")
    assert shown.stdout == line


_LOGS = """
import sys
sys.path.append(sys.argv.pop(1))
from daemontools.logs import main
main()
"""


def test_the_setup_of_a_profile_is_executed_to_run_tests_and_not_to_list_them(
    tmp_path: Path,
) -> None:
    pytest.importorskip("daemontools_conformance")
    (tmp_path / "other.toml").write_text('name = "other"\nsetup = ["touch", "executed"]\n')
    command = [sys.executable, "-I", "-m", "daemontools_conformance"]
    words: list[str | Path] = [
        "--implementation",
        tmp_path / "other.toml",
        "--program",
        "svok",
    ]
    run(tmp_path, *command, *words, "--collect-only")
    assert not (tmp_path / "executed").exists()
    subprocess.run([*command, *words], cwd=tmp_path, capture_output=True, check=False)
    assert (tmp_path / "executed").exists()


def test_chmod_of_the_files_in_a_log_directory_follows_links(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    (tmp_path / "secret").touch(0o600)
    (tmp_path / "main/x").symlink_to("../secret")
    subprocess.run(["chmod", "-R", "u+rwX,o+r", "main/"], cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    subprocess.run(["chmod", "644", "main/x"], cwd=tmp_path, check=True)
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o644
