"""docs/howto/from-runit-or-systemd.md: what the page translates does the same before and after.

A counting service is moved as the page says, and each of its starts must be whole in the two
logs. The pairs of chpst and a daemontools program must show a child the same.
"""

import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from companion import COUNTING, is_up, launchers, service, wait_until, whole_starts

from daemontools.companion import check

PAGE = (Path(__file__).parents[2] / "docs/howto/from-runit-or-systemd.md").read_text()
CHPST = re.findall(r"^\| `(chpst [^`]+)` \| `([^`]+)` \|$", PAGE, re.MULTILINE)
LETTERS = re.findall(r"`sv (hup|alarm|interrupt|term|kill)`", PAGE)

pytestmark = pytest.mark.once

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it changes accounts")
needs_runit = pytest.mark.skipif(
    not all(map(shutil.which, ("runsvdir", "sv", "chpst", "svlogd"))), reason="needs runit"
)


def blocks(heading: str) -> list[str]:
    """The blocks of shell of a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found: list[str] = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    return found


BEFORE, LOG_BEFORE, FINISH, AFTER, LOG_AFTER, STAYS, *STEPS = blocks("runit: one service")
MAKE, LINK, MOVE = STEPS
OF_UNIT, MOVE_UNIT = blocks("systemd: one service")
UNIT = PAGE.split("```ini\n")[1].split("```")[0]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return launchers(tmp_path_factory.mktemp("bin")).parent


@pytest.fixture
def path(programs: Path) -> dict[str, str]:
    return {"PATH": f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin"}


def as_root(text: str) -> str:
    """A text of the page, with root in place of its accounts."""
    return text.replace("www-data", "root").replace("svlog ", "root ")


def script(file: Path, text: str) -> None:
    """Write a script; the accounts of the page are root here, whose library may be closed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_root(text))
    file.chmod(0o755)


# A line of svlogd's `config`, or the words "no `s`" -> the argument of multilog.
ROWS = re.findall(r"^\| ([^|]+) \| ([^|]+) \| (?:multi|sv)logd?['\w]* ", PAGE, re.MULTILINE)
CONFIG = {old.strip("`"): new.split("`")[1].strip("'") for old, new in ROWS}
LINES = b"".join(b"%d\n" % number for number in range(30000))


def log_of(folder: Path, path: dict[str, str], *words: str, text: bytes = LINES) -> list[bytes]:
    """The old files and `current` of a logger's directory, without labels, the oldest first."""
    subprocess.run([*words, folder], input=text, env=path, check=True, stderr=subprocess.DEVNULL)
    files = [*sorted(folder.glob("@*")), folder / "current"]
    return [re.sub(rb"(?m)^(@[0-9a-f]{24}|[\d-]{10}_[\d:.]+) ", b"", f.read_bytes()) for f in files]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of a log directory of svlogd."""
    (tmp_path / "old").mkdir()
    return tmp_path / "old/config"


@needs_runit
@pytest.mark.parametrize(("old", "least"), [("n10", 10), ("n0", 20)])
def test_the_number_of_files_is_translated(
    path: dict[str, str], tmp_path: Path, config: Path, old: str, least: int
) -> None:
    config.write_text(f"s4096\n{old}\n")
    before = log_of(config.parent, path, "svlogd")
    after = log_of(tmp_path / "new", path, "multilog", "s4096", CONFIG[old])
    as_is = log_of(tmp_path / "as-is", path, "multilog", "s4096", old)
    if old == "n10":
        assert len(before) == len(after) == least + 1  # and `current`
    else:
        assert min(len(before), len(after)) > least
        assert b"".join(before) == b"".join(after) == LINES
    assert len(as_is) < len(after)


@needs_runit
@pytest.mark.parametrize(("program", "goes_on"), [("svlogd", True), ("multilog", False)])
def test_a_slow_processor_holds_up_multilog_and_not_svlogd(
    path: dict[str, str], tmp_path: Path, config: Path, program: str, *, goes_on: bool
) -> None:
    processor = "!until [ -e ../go ]; do sleep 0.1; done; cat"
    words = ["s4096", processor] if program == "multilog" else []
    config.write_text("" if words else f"s4096\n{processor}\n")
    log = config.parent
    started = subprocess.Popen([program, *words, log], stdin=subprocess.PIPE, bufsize=0, env=path)
    assert started.stdin
    started.stdin.write(b"early\n" * 700)
    wait_until(lambda: bool([*log.glob("previous"), *log.glob("@*.u")]), "the processor works")
    started.stdin.write(b"late\n")
    if goes_on:
        wait_until(lambda: b"late" in (log / "current").read_bytes(), "it goes on reading")
    else:
        time.sleep(0.5)  # what reads on has read it by then, as svlogd above
        assert b"late" not in (log / "current").read_bytes()
    (tmp_path / "go").touch()
    started.stdin.close()
    assert started.wait(20) == 0


@needs_runit
def test_the_size_of_files_is_translated(
    path: dict[str, str], tmp_path: Path, config: Path
) -> None:
    config.write_text("s0\n")
    assert log_of(config.parent, path, "svlogd") == [LINES]
    assert log_of(tmp_path / "new", path, "multilog", CONFIG["s0"]) == [LINES]
    assert log_of(tmp_path / "as-is", path, "multilog", "s0") != [LINES]


@needs_runit
def test_the_size_without_a_line_is_translated(
    path: dict[str, str], tmp_path: Path, config: Path
) -> None:
    config.write_text("# no size\n")
    before = log_of(config.parent, path, "svlogd", text=LINES * 8)
    after = log_of(tmp_path / "new", path, "multilog", CONFIG["no `s"], text=LINES * 8)
    assert len(before) == len(after) == 2
    assert len(log_of(tmp_path / "as-is", path, "multilog", text=LINES * 8)) > 2


@needs_runit
def test_the_number_without_a_line_is_translated(
    path: dict[str, str], tmp_path: Path, config: Path
) -> None:
    config.write_text("s4096\n")
    before = log_of(config.parent, path, "svlogd")
    assert len(before) == 11  # ten old ones, and `current`
    assert len(log_of(tmp_path / "new", path, "multilog", "s4096", CONFIG["no `n"])) == 11
    assert len(log_of(tmp_path / "as-is", path, "multilog", "s4096")) == 10


@needs_runit
def test_a_larger_size_than_multilog_has_is_taken_for_its_largest(
    path: dict[str, str], tmp_path: Path, config: Path
) -> None:
    text = (b"%0999d\n" % 0) * 17000
    config.write_text("s50000000\n")
    assert log_of(config.parent, path, "svlogd", text=text) == [text]
    call: list[str | Path] = ["multilog", "s50000000", tmp_path / "as-is"]
    ran = subprocess.run(call, input=text, env=path, check=True, capture_output=True)
    assert ran.stderr == b""
    as_is = [len(file.read_bytes()) for file in (tmp_path / "as-is").glob("[@c]*")]
    new = log_of(tmp_path / "new", path, "multilog", CONFIG["s50000000"], text=text)
    assert len(new) == 2
    assert sorted(as_is) == sorted(map(len, new))


@needs_runit
def test_action_e_prints_less_of_a_line_than_that_of_svlogd(
    path: dict[str, str], config: Path
) -> None:
    [lengths] = re.findall(
        r"action `e` prints the first ([\d,]+) .*svlogd's `e` the first ([\d,]+)", PAGE
    )
    config.write_text("e*\n")
    printed = []
    calls: list[list[str | Path]] = [["multilog", "e"], ["svlogd", config.parent]]
    for words in calls:
        ran = subprocess.run(words, input=b"x" * 1500, env=path, check=True, capture_output=True)
        printed.append(f"{ran.stderr.count(b'x'):,}")
    assert printed == [*lengths]


@needs_runit
@pytest.mark.parametrize("lines", ["eerror*\n", "e*\nEfine*\n"])
def test_a_pattern_of_e_is_translated(
    path: dict[str, str], tmp_path: Path, config: Path, lines: str
) -> None:
    [arguments] = re.findall(r"^\| `eerror\*` \| `([^`]+)`", PAGE, re.MULTILINE)
    config.write_text(lines)
    text, printed = b"error: a\nfine\n", []
    calls: list[list[str | Path]] = [
        ["svlogd", config.parent],
        ["multilog", *shlex.split(arguments), tmp_path / "new"],
        ["multilog", "eerror*", tmp_path / "as-is"],
    ]
    for words in calls:
        ran = subprocess.run(words, input=text, env=path, check=True, capture_output=True)
        printed.append(ran.stderr)
        assert (Path(words[-1]) / "current").read_bytes() == text
    assert printed == [b"error: a\n", b"error: a\n", text]


@needs_runit
def test_a_pattern_is_translated(path: dict[str, str], tmp_path: Path, config: Path) -> None:
    text = b"error: a\nfine\n"
    config.write_text("-*\n+error*\n")
    assert log_of(config.parent, path, "svlogd", "-tt", text=text) == [b"error: a\n"]
    for folder, pattern, lines in (
        ("new", CONFIG["+error*"], b"error: a\n"),
        ("as-is", "+error*", b""),
    ):
        words = ("multilog", "t", "-*", pattern)
        assert log_of(tmp_path / folder, path, *words, text=text) == [lines]


@needs_runit
def test_a_plus_in_a_pattern_repeats_for_svlogd_alone(
    path: dict[str, str], tmp_path: Path, config: Path
) -> None:
    text = b"aab\na+ab\n"
    config.write_text("-*\n+a+ab\n")
    assert log_of(config.parent, path, "svlogd", text=text) == [b"aab\n"]
    words = ("multilog", "-*", "+a+ab")
    assert log_of(tmp_path / "new", path, *words, text=text) == [b"a+ab\n"]


# What a child can see of its limits, accounts, variables, process group and lock.
LOOK = """\
ulimit -a; id -u; id -G; env | grep -v '^_=' | sort
[ $(ps -o pgid= $$) = $$ ] && echo a group of its own
[ ! -r lock ] || flock -n lock true || echo locked"""


@needs_root
@needs_runit
@pytest.mark.parametrize(("before", "after"), CHPST, ids=[before for before, _ in CHPST])
def test_a_child_sees_the_same(
    path: dict[str, str], tmp_path: Path, before: str, after: str
) -> None:
    (tmp_path / "env").mkdir()
    (tmp_path / "env/PORT").write_text("8080\n")
    (tmp_path / "lock").touch()
    seen = []
    for words in (before.split(), after.split(), []):
        call = ["prlimit", "--core=4096", *words, "sh", "-c", LOOK]
        seen.append(subprocess.run(call, cwd=tmp_path, env=path, capture_output=True, check=False))
    assert seen[0].stdout == seen[1].stdout != seen[2].stdout
    assert seen[0].stderr == seen[1].stderr == b""


SAYS = "\n".join(f"trap 'echo {name} >> said' {name}" for name in ("HUP", "ALRM", "INT", "TERM"))


@needs_runit
def test_a_command_of_sv_sends_what_its_letter_sends(path: dict[str, str], tmp_path: Path) -> None:
    [letters] = re.findall(r"`svc -p`, `-c`, (.*) \|", PAGE)
    words = dict(zip(LETTERS, letters.split(", "), strict=True))
    assert words.pop("kill") == "`-k`"
    for runner, one in (("runsv", tmp_path / "old"), ("supervise", tmp_path / "new")):
        service(one, f"{SAYS}\necho up > up\nwhile :; do sleep 0.1; done", log=False)
        call = ["env", "--default-signal", runner, str(one)]  # under nohup, say, no trap gets HUP
        running = subprocess.Popen(call, env=path, process_group=0)
        try:
            wait_until((one / "up").exists, "its traps are set")
            for number, (name, letter) in enumerate(words.items(), 1):
                told = ["sv", name] if runner == "runsv" else ["svc", letter.strip("`")]
                subprocess.run([*told, one], env=path, check=True, stdout=subprocess.DEVNULL)
                wait_until(lambda one=one, n=number: said(one).count("\n") == n, "the signal")  # type: ignore[misc]
        finally:
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
    assert said(tmp_path / "old") == said(tmp_path / "new") == "HUP\nALRM\nINT\nTERM\n"


def said(directory: Path) -> str:
    """What a service has noted of its signals."""
    return (directory / "said").read_text() if (directory / "said").exists() else ""


def starts(directory: Path) -> int:
    """How many whole starts there are in the lines of a log, and nothing else."""
    files = sorted((directory / "log/main").glob("[@c]*"))
    text = b"".join(file.read_bytes() for file in files if file.name != "config")
    labels = rb"(?m)^(@[0-9a-f]{24}|[\d-]{10}_[\d:.]+) "
    return whole_starts(re.sub(labels, b"", text).splitlines())


class Place:
    """Both trees in one folder, and the paths of the page within it."""

    def __init__(self, folder: Path, path: dict[str, str]) -> None:
        self.folder, self.path = folder, path
        self.old, self.new = folder / "etc/sv/web", folder / "var/lib/services/web"
        self.running: list[subprocess.Popen[bytes]] = []
        for name in ("etc/service", "service"):
            (folder / name).mkdir(parents=True)
        for one, run, log in ((self.old, BEFORE, LOG_BEFORE), (self.new, AFTER, LOG_AFTER)):
            if one == self.new:
                self.carry_out(MAKE)
            else:
                script(one / "web", f"#!/bin/sh\ntouch started\n{COUNTING}\n")
                (one / "env").mkdir()
                (one / "log/main").mkdir(parents=True)
            script(one / "run", run)
            script(one / "log/run", log)
        script(self.old / "finish", FINISH)

    def start(self, *words: str | Path) -> None:
        """Start the top of a tree."""
        self.running.append(subprocess.Popen(words, env=self.path, process_group=0))

    def carry_out(self, text: str, *, exits: int = 0) -> None:
        """Type a block of the page, under a umask that closes to others what the block makes."""
        text = re.sub(r"(?<![\w.])/(etc|service|srv|var)\b", rf"{self.folder}/\1", as_root(text))
        call = ["sh", "-ec", text]
        ran = subprocess.run(call, env=self.path, check=False, timeout=120, umask=0o077)
        assert ran.returncode == exits

    def both_trees(self) -> None:
        """Run the old service, and the new one beside it with its file `down`."""
        (self.folder / "etc/service/web").symlink_to(self.old)
        self.start("runsvdir", self.folder / "etc/service")
        self.start("svscan", self.folder / "service")
        wait_until(lambda: self.counts(self.old), "it counts under runit")
        self.carry_out(LINK)
        wait_until(lambda: is_up(self.new / "log"), "the new logger")

    def counts(self, directory: Path) -> bool:
        """Has the service written something that its log shows?"""
        return b"line 3\n" in self.lines(directory)

    def lines(self, directory: Path) -> bytes:
        """What a log shows now."""
        current = directory / "log/main/current"
        return current.read_bytes() if current.exists() else b""

    def says(self) -> str:
        """What sv says of the old service."""
        call: list[str | Path] = ["sv", "status", self.old]
        ran = subprocess.run(call, env=self.path, capture_output=True, text=True, check=False)
        return ran.stdout + ran.stderr

    def end(self) -> None:
        """End both trees and all services in them."""
        for top in self.running:
            os.killpg(top.pid, signal.SIGKILL)
            top.wait()


@pytest.fixture
def place(tmp_path: Path, path: dict[str, str]) -> Iterator[Place]:
    made = Place(tmp_path, path)
    yield made
    made.end()


def ends(place: Place, directory: Path) -> bool:
    """Tell a service to end; True when its last words are in its log."""
    subprocess.run(["svc", "-d", directory], env=place.path, check=True)
    return b"end " in (directory / "log/main/current").read_bytes()


@needs_root
def test_server_and_logger_can_enter_their_directories_whatever_the_umask(place: Place) -> None:
    for folder in (place.new.parent, place.new, place.new / "log"):
        assert folder.stat().st_mode & 0o777 == 0o755


@needs_root
@needs_runit
def test_a_service_of_runit_is_moved_without_losing_a_line(place: Place) -> None:
    place.both_trees()
    place.carry_out(MOVE)
    assert starts(place.old) == 1
    wait_until(lambda: place.counts(place.new), "it counts under supervise")
    assert not (place.new / "down").exists()
    wait_until(lambda: ends(place, place.new), "its last words")
    assert starts(place.new) == 1
    assert [f for f in check.of_service(place.new) if f.kind == "runit"] == []
    (place.folder / "etc/service/web").symlink_to(place.old)  # and back
    wait_until(lambda: place.lines(place.old).count(b"start\n") == 2, "it counts under runit")
    # finish, and in the scripts chpst twice and svlogd
    assert [f.kind for f in check.of_service(place.old)].count("runit") == 4


@needs_root
@needs_runit
def test_the_new_service_is_not_started_beside_an_old_one_that_ignores_term(place: Place) -> None:
    ignoring = COUNTING.replace("'echo end $n; exit'", "''")
    script(place.old / "web", f"#!/bin/sh\n{ignoring}\n")
    place.both_trees()
    as_typed = "set +e\n" + MOVE.replace("-w 60", "-w 1")  # a shell that reads on
    place.carry_out(as_typed, exits=1)
    assert (place.new / "down").exists()
    assert not is_up(place.new)
    place.carry_out("sv kill /etc/sv/web")
    wait_until(lambda: "runsv not running" in place.says(), place.says)


@needs_root
@needs_runit
def test_a_logger_of_runit_whose_pipe_an_orphan_holds_is_ended_by_hand(place: Place) -> None:
    [by_hand] = re.findall(r"the logger needs `([^`]+)`", PAGE)
    script(place.old / "web", f"#!/bin/sh\nsleep 1000 &\n{COUNTING}\n")
    place.both_trees()
    place.carry_out("set +e\n" + MOVE.replace("-w 60", "-w 2"), exits=1)
    wait_until(lambda: re.match("down: .*; run: log: ", place.says()) is not None, place.says)
    place.carry_out(by_hand)
    wait_until(lambda: "runsv not running" in place.says(), place.says)
    assert starts(place.old) == 1


@needs_root
def test_svscan_starts_again_what_svc_dx_ends_while_the_link_is_there(place: Place) -> None:
    place.start("svscan", place.folder / "service")
    place.carry_out("ln -s /var/lib/services/web /service/")
    wait_until(lambda: place.counts(place.new), "it counts")
    place.carry_out("svc -dx /service/web")
    wait_until(lambda: place.lines(place.new).count(b"start\n") == 2, "its second start")
    assert is_up(place.new / "log")


@needs_root
def test_a_service_of_systemd_is_started_when_its_unit_has_ended(
    place: Place, tmp_path: Path
) -> None:
    told = 'echo "$*"; svstat "$TREE/web" | grep -o ": down"'
    script(tmp_path / "bin/systemctl", f"#!/bin/sh\n{{ {told}; }} > {tmp_path}/told\n")
    place.path = {"PATH": f"{tmp_path}/bin:{place.path['PATH']}", "TREE": f"{tmp_path}/service"}
    place.start("svscan", place.folder / "service")
    place.carry_out(LINK)
    place.carry_out(MOVE_UNIT)
    wait_until(lambda: place.counts(place.new), "it counts under supervise")
    assert (tmp_path / "told").read_text() == "disable --now web\n: down\n"
    assert not (place.new / "down").exists()


def test_setuidgid_sets_no_variables_and_softlimit_stays_below_the_hard_limit(
    path: dict[str, str],
) -> None:
    look = 'echo "$HOME $USER $LOGNAME $SHELL"; ulimit -Sn; ulimit -Hn'
    account = pwd.getpwuid(os.geteuid()).pw_name
    chain = ["softlimit", "-o", "1024", *(["setuidgid", account] if os.geteuid() == 0 else [])]
    variables = {"HOME": "/h", "USER": "u", "LOGNAME": "l", "SHELL": "/s"}
    call = ["prlimit", "--nofile=512:512", *chain, "sh", "-c", look]
    ran = subprocess.run(call, env=path | variables, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("/h u l /s\n512\n512\n", "")


SERVER = '#!/bin/sh\nid -un; pwd; echo "$*"; ulimit -Sn\n'


def of_unit(key: str) -> str:
    """What the unit says."""
    return UNIT.split(f"\n{key}=")[1].splitlines()[0]


@needs_root
def test_a_server_gets_from_run_what_the_unit_says(path: dict[str, str], tmp_path: Path) -> None:
    script(tmp_path / "srv/web/server", SERVER)
    script(tmp_path / "web/run", OF_UNIT.replace("/srv", f"{tmp_path}/srv"))
    (tmp_path / "web/env").mkdir()
    variable, port = of_unit("Environment").split("=")
    (tmp_path / "web/env" / variable).write_text(f"{port}\n")

    def run() -> subprocess.CompletedProcess[str]:
        call, cwd = [tmp_path / "web/run"], tmp_path / "web"
        return subprocess.run(call, cwd=cwd, env=path, check=False, text=True, capture_output=True)

    test = of_unit("ExecStartPre").removeprefix("/usr/bin/")
    assert f"\nsetuidgid {of_unit('User')} {test} || exit\n" in OF_UNIT
    without = run()
    assert (without.returncode, without.stdout) == (1, "")
    (tmp_path / of_unit("WorkingDirectory")[1:] / "config").touch()
    assert run().stdout.splitlines() == [
        "root",
        f"{tmp_path}{of_unit('WorkingDirectory')}",
        of_unit("ExecStart").partition(" ")[2].replace("${PORT}", port),
        of_unit("LimitNOFILE"),
    ]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_has_no_fault(tmp_path: Path) -> None:
    script(tmp_path / "srv/web/server", SERVER)
    unit = tmp_path / "web.service"
    unit.write_text(UNIT.replace("/srv", f"{tmp_path}/srv"))
    call: list[str | Path] = ["systemd-analyze", "verify", "--man=no", unit]
    verified = subprocess.run(call, capture_output=True, text=True, check=False)
    complaints = (verified.stdout + verified.stderr).splitlines()
    assert [line for line in complaints if unit.name in line] == []


def test_a_shell_that_stays_sees_the_end_of_each_run(path: dict[str, str], tmp_path: Path) -> None:
    script(tmp_path / "web/run", STAYS)
    script(tmp_path / "web/web", f"#!/bin/sh\n{COUNTING}\n")
    with (tmp_path / "says").open("wb") as says:
        supervise = subprocess.Popen(
            ["supervise", tmp_path / "web"], env=path, stdout=says, process_group=0
        )
    try:
        wait_until(lambda: "line 2" in (tmp_path / "says").read_text(), "it counts")
        subprocess.run(["svc", "-dx", tmp_path / "web"], env=path, check=True)
        assert supervise.wait(60) == 0
    finally:
        if supervise.poll() is None:
            os.killpg(supervise.pid, signal.SIGKILL)
    last, end = (tmp_path / "says").read_text().splitlines()[-2:]
    assert last.startswith("end ")
    assert end == "the end of this run"
