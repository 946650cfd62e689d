"""Each recipe of docs/howto/boot.md, as it is on the page, under the init that it is for.

The init is process 1 of a machine of namespaces. A counting service shows whether a line was
lost: each of its starts must be whole in its log, from `start` to `end`.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest
from companion import COUNTING, launchers, service, whole_starts
from private_machine import LOCAL, ROOT, Machine, found, problem

from daemontools import logs

PAGE = (ROOT / "docs/howto/boot.md").read_text()
UNIT = ROOT / "packaging/systemd/svscan.service"


def block(heading: str, number: int = 0) -> str:
    """A code block of a section of the page."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found: list[str] = re.findall(r"```(?:sh|text|ini)\n(.*?)```", section, re.DOTALL)
    return found[number]


README = (ROOT / "README.md").read_text()
RECIPE = README.split("**To run.**")[1].split("```sh\n")[1].split("```")[0]
STUBBORN = "trap '' TERM\nwhile :; do sleep 0.1; done"
TREE = "mkdir /service && ln -s /tree/counting /service/\n"
ETC_TREE = f"rm -rf /etc/service\n{TREE.replace('/service', '/etc/service')}"
SYSTEMD = ["/usr/lib/systemd/systemd", "--unit=basic.target"]
INSTALL = f"cd /checkout\n{RECIPE}{block('An orderly stop')}"
# What an init needs to see; its units, if it has some, are those of the machine's files.
SYSTEM_FILES = """\
mount -t sysfs -o ro none /sys
mount -t cgroup2 none /sys/fs/cgroup
[ ! -d /etc/systemd/system ] || mount -t tmpfs -o mode=0755 none /etc/systemd/system
"""
# $1 is an empty folder, $2 the name of a control group; then a command, to be run in that group.
GROUP = """
mount -t cgroup2 none "$1" && mkdir -p "$1/$2" && echo $$ > "$1/$2/cgroup.procs" || exit 1
umount "$1"
shift 2
exec "$@"
"""
REMOVE = 'mount -t cgroup2 none "$1" && find "$1/$2" -depth -type d -exec rmdir {} ";"'
Boot = Callable[..., Machine]


@cache
def why_not() -> str:
    """Why no machine can be booted here; empty if it can."""
    if sys.version_info[:2] != (3, 11):
        return "tested once, with Python 3.11: the machine has an interpreter of its own"
    groups = ["unshare", "--mount", "mount", "-t", "cgroup2", "none", "/mnt"]
    if subprocess.run(groups, capture_output=True, check=False).returncode != 0:
        return "needs root and control groups"
    return problem()


@pytest.fixture
def boot(tmp_path: Path) -> Iterator[Boot]:
    """Start a machine, in whose /tree is a counting service with a log; its own processes end."""
    if why_not():
        pytest.skip(why_not())
    machines = []
    real = Path("/dev/null").stat()
    (tmp_path / "group").mkdir()
    group = [str(tmp_path / "group"), f"daemontools-test-{os.getpid()}-{time.monotonic_ns()}"]

    def boot(init: list[str], files: dict[str, str], setup: str = TREE) -> Machine:
        program = found(init[0])
        if not program or program.is_symlink():  # another init has its name
            pytest.skip(f"{init[0]} is not installed")
        service(tmp_path / "tree/counting", COUNTING)
        files = {"setup": SYSTEM_FILES + INSTALL + setup, **files}
        within = ["unshare", "--mount", "sh", "-c", GROUP, "group", *group]
        machines.append(Machine(tmp_path, *init, files=files, path=LOCAL, within=within))
        return machines[-1]

    yield boot
    for machine in machines:
        machine.end()
        subprocess.run(["unshare", "--mount", "sh", "-c", REMOVE, "remove", *group], check=True)
    assert Path("/dev/null").stat().st_mode == real.st_mode  # a machine changes only its own


def lines(machine: Machine) -> list[bytes]:
    """What the service has written, without labels."""
    return [line.text for line in logs.lines(machine.tree / "counting/log/main")]


def wait_until_it_counts(machine: Machine, starts: int = 1) -> None:
    """Wait until the service was started so often, and has counted since then."""

    def counts() -> bool:
        now = lines(machine)
        return now.count(b"start") >= starts and now[-1].startswith(b"line ")

    machine.wait_until(counts, f"{starts} starts")


def one_process(machine: Machine, name: str) -> str:
    """The process id of the only process with this name, within the machine."""
    [found] = machine.answers(f"pgrep -x {name}").split()
    return found


# systemd


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_has_no_fault(tmp_path: Path) -> None:
    programs = launchers(tmp_path / "bin").parent
    unit = tmp_path / "svscan.service"
    unit.write_text(UNIT.read_text().replace("/usr/local/bin/svscan", f"{programs}/svscan"))
    call: list[str | Path] = ["systemd-analyze", "verify", "--man=no", unit]
    verified = subprocess.run(call, capture_output=True, text=True, check=False)
    complaints = (verified.stdout + verified.stderr).splitlines()
    ours = [line for line in complaints if unit.name in line]  # others are of the machine's units
    assert (verified.returncode, ours) == (0, [])


@pytest.fixture
def under_systemd(boot: Boot) -> Machine:
    """A machine on which systemd runs, and the recipe was followed, but for the tree."""
    machine = boot(SYSTEMD, {}, "")
    machine.wait_until(lambda: machine.succeeds("systemctl list-jobs"), "systemd")
    machine.answers(f"cd /checkout\n{block('systemd')}")
    return machine


def whole_after_the_first(machine: Machine) -> int:
    """How many starts are whole, the first not counted."""
    _, first, *later = b"".join(line + b"\n" for line in lines(machine)).split(b"start\n")
    assert b"end" not in first
    return whole_starts(b"".join(b"start\n" + start for start in later).splitlines())


def test_under_systemd(under_systemd: Machine) -> None:
    machine = under_systemd

    def shown(value: str) -> str:
        return machine.answers(f"systemctl show --value -p {value} svscan")

    # It starts at boot.
    assert "svscan.service" in machine.answers("systemctl list-dependencies multi-user.target")

    # There is no tree yet: systemd does not give up, and finds it when it comes.
    machine.wait_until(lambda: int(shown("NRestarts")) >= 6, "six restarts")
    machine.answers(TREE)
    wait_until_it_counts(machine)
    assert (shown("LimitNOFILESoft"), shown("LimitNOFILE")) == ("4096", "524288")
    assert (shown("StandardOutput"), shown("StandardError")) == ("journal", "inherit")

    # `systemctl kill` reaches the loggers, too.
    logger = one_process(machine, "multilog")
    machine.answers("systemctl kill -s STOP svscan")
    machine.wait_until(lambda: machine.answers(f"ps -o state= {logger}") == "T", "it stops")
    machine.answers("systemctl kill -s CONT svscan")

    # Without svscan systemd ends all the rest, and starts it again.
    machine.answers(f"kill -9 {one_process(machine, 'svscan')}")
    wait_until_it_counts(machine, starts=2)
    one_process(machine, "multilog")

    # An orderly stop, one after TERM to svscan, and one when the machine goes down.
    machine.answers("systemctl restart svscan")
    wait_until_it_counts(machine, starts=3)
    machine.answers(f"kill {one_process(machine, 'svscan')}")
    wait_until_it_counts(machine, starts=4)
    machine.succeeds("systemctl poweroff")
    machine.wait_until_off()
    assert whole_after_the_first(machine) == 3


def test_under_systemd_a_stop_has_a_limit(under_systemd: Machine) -> None:
    machine = under_systemd
    service(machine.tree / "stubborn", STUBBORN)
    run = machine.tree / "counting/run"
    run.write_text(run.read_text().replace("n=0;", "setsid sleep 1000 & n=0;"))
    machine.answers(f"{TREE} ln -s /tree/stubborn /service/")
    machine.answers("sed -i 's|-x /service|& 2|' /etc/systemd/system/svscan.service")
    machine.answers("systemctl daemon-reload")
    wait_until_it_counts(machine)
    machine.wait_until(lambda: ": up" in machine.answers("svstat /service/stubborn"), "stubborn")
    machine.answers("systemctl stop svscan")
    assert machine.answers("systemctl show --value -p Result svscan") == "success"
    journal = machine.answers("journalctl -o cat -u svscan")
    for late in ("/service/stubborn is late: it gets KILL", "/log is late: it gets TERM"):
        assert late in journal
    assert whole_starts(lines(machine)) == 1


# What the unit of Debian's daemontools-run 1:0.76-8.1 says about its process.
DAEMONTOOLS_RUN = "[Service]\nExecStart=/usr/bin/svscanboot /etc/service/\nRestart=always\n"


def test_under_debians_unit(boot: Boot) -> None:
    if not found("/usr/bin/svscanboot"):
        pytest.skip("needs Debian's package daemontools")
    machine = boot(SYSTEMD, {}, TREE.replace("mkdir", "rm -rf /etc/service; mkdir"))
    machine.wait_until(lambda: machine.succeeds("systemctl list-jobs"), "systemd")
    machine.answers("mv /service /etc/service")
    unit = "/etc/systemd/system/daemontools-run.service"
    make, stop, commands = (block("Debian's daemontools-run", number) for number in (0, 1, 2))
    machine.answers(make)
    for file, text in ((unit, DAEMONTOOLS_RUN), (f"{unit}.d/stop.conf", stop)):
        machine.answers(f"cat > {file} <<'END'\n{text}END")
    machine.answers("systemctl daemon-reload; systemctl start daemontools-run")
    wait_until_it_counts(machine)

    def executed(name: str) -> str:
        return machine.answers(f"readlink /proc/{one_process(machine, name)}/exe")

    # Debian's svscanboot finds the reference's svscan before Debian's own.
    assert "python" in executed("svscan")
    assert "python" not in executed("svscanboot")
    machine.answers(commands)
    assert not machine.succeeds("pgrep -x 'svscanboot|svscan|supervise|multilog'")
    assert whole_starts(lines(machine)) == 1
    change, start = (block("Debian's daemontools-run", number) for number in (3, 4))
    machine.answers(f"cat > {unit}.d/start.conf <<'END'\n{change}END\n{start}")
    wait_until_it_counts(machine, starts=2)
    assert "python" in executed("svscanboot")
    machine.succeeds("systemctl poweroff")
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 2


# An inittab

LEVELS = f"id:2:initdefault:\n{block('An inittab')}l0:0:wait:/sbin/halt -f -p\n"
INITTABS = {
    "sysvinit": (["/usr/sbin/init"], LEVELS, "init 0"),
    "busybox": (["/usr/bin/busybox", "init"], block("An inittab", 2), "busybox poweroff"),
    "rc.local": (
        ["/usr/bin/busybox", "init"],
        "::sysinit:/bin/sh /etc/rc.local\n::shutdown:/bin/sh /etc/rc.shutdown\n",
        "busybox poweroff",
    ),
}


@pytest.mark.parametrize("init", INITTABS)
def test_with_a_line_for_svscanboot(boot: Boot, init: str) -> None:
    words, inittab, off = INITTABS[init]
    once = "rc.local, and other scripts that run once"
    scripts = {
        "etc/rc.local": block(once).splitlines()[-1] + "\n",
        "etc/rc.shutdown": block(once, 1),
    }
    machine = boot(words, {"etc/inittab": inittab, **scripts})
    wait_until_it_counts(machine)
    one_process(machine, "readproctitle")
    machine.succeeds(off)
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 1


LAST_WORDS = "trap 'm=$((n + 500)); while [ $n -lt $m ]; do echo line $((n += 1)); done; "


@pytest.mark.parametrize("init", ["sysvinit", "busybox"])
def test_a_busy_logger_gets_its_time(boot: Boot, init: str) -> None:
    words, inittab, off = INITTABS[init]
    catch_up = block("An inittab", 1)
    if init == "busybox":
        catch_up = catch_up.replace("SA:06:wait:", "::shutdown:")
    respawn, *stop = inittab.splitlines(keepends=True)
    machine = boot(words, {"etc/inittab": "".join([respawn, catch_up, *stop])}, "")
    run, log_run = machine.tree / "counting/run", machine.tree / "counting/log/run"
    run.write_text(run.read_text().replace("trap '", LAST_WORDS))
    log_run.write_text(log_run.read_text().replace(" ./main", " s4096 '!sleep 1; cat' ./main"))
    machine.answers(TREE)
    wait_until_it_counts(machine)
    machine.succeeds(off)
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 1


def test_with_debians_line_for_svscanboot(boot: Boot) -> None:
    if not found("/usr/bin/svscanboot"):
        pytest.skip("needs Debian's package daemontools")
    respawn, stop = block("Debian's daemontools-run", 5).splitlines(keepends=True)
    inittab = f"id:2:initdefault:\n{stop}l0:0:wait:/sbin/halt -f -p\n{respawn}"
    machine = boot(["/usr/sbin/init"], {"etc/inittab": inittab}, ETC_TREE)
    wait_until_it_counts(machine)
    machine.succeeds("init 0")
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 1


@pytest.mark.parametrize(
    ("init", "stop", "tell"), [("sysvinit", 3, "init q"), ("busybox", 4, "kill -HUP 1")]
)
def test_a_stop_without_a_shutdown(boot: Boot, init: str, stop: int, tell: str) -> None:
    words, inittab, off = INITTABS[init]
    machine = boot(words, {"etc/inittab": inittab})
    wait_until_it_counts(machine)
    machine.answers(block("An inittab", stop))
    left = "pgrep -x 'svscanboot|svscan|supervise|readproctitle|multilog'"
    machine.wait_until(lambda: not machine.succeeds(left), "nothing is left")
    assert whole_starts(lines(machine)) == 1
    machine.answers(f"sed -i s/^#// /etc/inittab; {tell}")
    wait_until_it_counts(machine, starts=2)
    machine.succeeds(off)
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 2


# A service of another supervisor

DIRECTORY = {
    "services/svscan/run": block("runit and s6"),
    "services/svscan/finish": block("runit and s6", 1),
}
RUNIT = {
    "etc/runit/1": "#!/bin/sh\n",
    "etc/runit/2": "#!/bin/sh\nexec runsvdir -P /services\n",
    "etc/runit/3": "#!/bin/sh\nsv force-stop /services/*\n",  # as Debian's
}
SUPERVISORS = {
    "runit": (["/usr/sbin/runit"], {**DIRECTORY, **RUNIT}, "/lib/runit/runit-init 0"),
    "s6": (
        ["/usr/bin/s6-svscan", "/services"],
        {**DIRECTORY, "services/svscan/timeout-finish": "180000\n"},
        "s6-svscanctl -t /services",
    ),
}


def test_services_have_the_same_path_everywhere() -> None:
    recipes = [block("runit and s6"), block("OpenRC"), UNIT.read_text()]
    [path] = {re.findall(r"PATH=(/\S+)", recipe)[0] for recipe in recipes}
    assert path.startswith("/command:/usr/local/bin:")


def change_stage_3(machine: Machine, init: str) -> None:
    """Give runit's stop as long as the page says."""
    if init == "runit":
        machine.answers(block("runit and s6", 2))


@pytest.mark.parametrize("init", SUPERVISORS)
def test_as_a_service_of(boot: Boot, init: str) -> None:
    words, files, off = SUPERVISORS[init]
    machine = boot(words, files)
    wait_until_it_counts(machine)
    change_stage_3(machine, init)
    machine.answers(f"kill -9 {one_process(machine, 'svscan')}")
    wait_until_it_counts(machine, starts=2)
    machine.succeeds(off)
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 2


@pytest.mark.parametrize("init", SUPERVISORS)
def test_a_late_service_does_not_cost_the_others_their_logs(boot: Boot, init: str) -> None:
    words, files, off = SUPERVISORS[init]
    finish = block("runit and s6", 1).replace(" /service", " /service 8")  # sv waits 7 seconds
    machine = boot(words, {**files, "services/svscan/finish": finish})
    service(machine.tree / "stubborn", STUBBORN)
    machine.answers("ln -s /tree/stubborn /service/")
    machine.wait_until(lambda: ": up" in machine.answers("svstat /service/stubborn"), "stubborn")
    wait_until_it_counts(machine)
    change_stage_3(machine, init)
    machine.answers(f"kill -9 {one_process(machine, 'svscan')}")
    wait_until_it_counts(machine, starts=2)
    machine.succeeds(off)
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 2


def test_under_openrc(boot: Boot) -> None:
    machine = boot(["/usr/sbin/openrc-init"], {"etc/init.d/svscan": block("OpenRC")})
    booted = '[ "$(rc-status --runlevel)" = default ] && [ ! -e /run/openrc/rc.starting ]'
    machine.wait_until(lambda: machine.succeeds(booted), "booted")
    machine.answers(block("OpenRC", 1))
    wait_until_it_counts(machine)
    killed = one_process(machine, "svscan")
    assert "PATH=/command:/usr/local/bin:" in machine.answers(
        f"tr '\\0' '\\n' < /proc/{killed}/environ"
    )
    machine.answers(f"kill -9 {killed}")
    machine.wait_until(
        lambda: machine.answers("pgrep -x svscan || :").split() not in ([], [killed]), "svscan"
    )
    assert lines(machine).count(b"start") == 1
    # A start that comes too soon after the stop fails: OpenRC still sees the old supervisor.
    machine.answers("rc-service svscan stop")
    start = "rc-service svscan start"
    machine.wait_until(lambda: machine.succeeds(start), "a new svscan")
    wait_until_it_counts(machine, starts=2)
    machine.succeeds("openrc-shutdown -p now")
    machine.wait_until_off()
    assert whole_starts(lines(machine)) == 2
