"""Real servers under supervision: the run scripts of docs/howto/servers.md, as they are.

Each test has a private machine on which it does what the page says. The tests run with the
reference's programs and with djb's; a server that is not installed is skipped.

    pytest reference/tests/field -k nginx
"""

import re
import threading
from collections.abc import Callable
from typing import NamedTuple

import pytest
from companion import wait_until
from private_machine import ROOT, is_installed

from field.machine import PAGE, SERVICES, Asked, Machine


class Server(NamedTuple):
    """A row of the page's table."""

    name: str
    package: str
    hup: str  # "ends", "ignored", or what the log says when the configuration is read again
    alrm: str  # "ends" or "ignored"
    last_words: str  # "none", or how the last line of the log ends


TEXT = PAGE.read_text()
SERVERS = [
    Server(*(cell.strip("` ") for cell in row.strip("|").split("|")))
    for row in re.findall(r"(?m)^\| [a-z0-9]+ \|.*\|$", TEXT)
    if "Debian's package" not in row
]
# What a server needs, where that is not the command of its name.
COMMANDS = {
    "redis": ["redis-server"],
    "postgresql": ["pg_ctlcluster"],
    "uvicorn": ["/usr/lib/python3/dist-packages/uvicorn/__main__.py"],
    "dnscache": ["dnscache", "tinydns"],
    "opensmtpd": ["smtpd"],
    "fghack": ["nginx"],
}
# What the page says about the time before the first start.
FIRST = {"tinydns": "tinydns", "dnscache": "dnscache", "postfix": "Postfix"}
FGHACK = "A daemon that puts itself into the background"
# What the log says about each request.
LOGGED = {
    "nginx": r'"GET / ',
    "apache2": r'"GET / ',
    "gunicorn": r'"GET / ',
    "uvicorn": r'"GET / ',
    "tinydns": r" \+ 0001 www\.example",
    "dnscache": r"(?m)^query \d+ \S+ 1 www\.example",
    "opensmtpd": r"smtp disconnected reason=quit",
    "postfix": r": disconnect from .* quit=1",
    "fghack": r'"GET / ',
}
# The options of softlimit that the scripts use, as /proc names the limits.
LIMITS = {
    "-a": "Max address space",
    "-c": "Max core file size",
    "-d": "Max data size",
    "-o": "Max open files",
}
# The signal on which a server reads its configuration again and still answers each request.
RELOADS = dict.fromkeys(["nginx", "gunicorn", "postgresql", "postfix", "smbd", "freeradius"], "HUP")
RELOADS["apache2"] = "USR1"


def block(heading: str) -> str:
    """The last shell block of a section of the page."""
    section = TEXT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return str(re.findall(r"(?s)```sh\n(.*?)```", section)[-1])


@pytest.fixture(params=SERVERS, ids=[server.name for server in SERVERS])
def server(request: pytest.FixtureRequest) -> Server:
    """A server that is installed."""
    commands = COMMANDS.get(request.param.name, [request.param.name])
    if not all(is_installed(command) for command in commands):
        pytest.skip(f"needs {request.param.package}")
    found: Server = request.param
    return found


def only(*names: str) -> pytest.MarkDecorator:
    """Run a test with these servers alone."""
    chosen = [server for server in SERVERS if server.name in names]
    return pytest.mark.parametrize("server", chosen, ids=names, indirect=True)


def put_into_place(machine: Machine, name: str, *, link: bool = True) -> None:
    """Do what the page says under umask 077, except the check, which a test of its own makes."""
    recipe = block("Put one into place").replace("name=nginx", f"name={name}")
    lines = [line for line in recipe.splitlines() if "check" not in line]
    lines = [line for line in lines if link or not line.startswith("ln ")]
    if link and name in FIRST:
        lines.insert(-1, f"({block(FIRST[name]).strip()})")
    machine.run("sh", "-ec", "\n".join(["umask 077", *lines]))


def start(machine: Machine, name: str) -> int:
    """Put a server into place, and wait until it answers; its process id."""
    if name == "dnscache":
        put_into_place(machine, "tinydns")
        machine.wait_until_answered("tinydns")
    put_into_place(machine, name)
    machine.wait_until_answered(name)
    return machine.state(f"/service/{name}").pid


def wait_until_restarted(machine: Machine, name: str, old: int) -> int:
    """Wait until another process answers; its process id."""
    state = machine.wait_until_state(name, lambda now: now.pid not in (0, old), "a new process")
    machine.wait_until_answered(name)
    return state.pid


def test_the_page_shows_each_script_and_each_script_is_in_the_table() -> None:
    folders = {path.name for path in (ROOT / "packaging/servers").iterdir()}
    assert folders == {server.name for server in SERVERS} | {"log"}
    for name in folders:
        assert f"{{literalinclude}} ../../packaging/servers/{name}/run" in TEXT


@pytest.mark.parametrize("machine", ["reference"], indirect=True)
def test_check_has_nothing_to_say_about_any_script(machine: Machine) -> None:
    for server in SERVERS:
        put_into_place(machine, server.name, link=False)
        script = (ROOT / "packaging/servers" / server.name / "run").read_text()
        for account in re.findall("uidgid ([a-z-]+)", script):  # its package need not be here
            machine.run("sh", "-c", f"id {account} || useradd --system {account}")
    directories = [f"{SERVICES}/{server.name}" for server in SERVERS]
    assert machine.run("daemontools", "check", *directories, check=False).stdout == ""


def test_the_limits_and_the_account_are_those_of_the_script(
    machine: Machine, server: Server
) -> None:
    process = f"/proc/{start(machine, server.name)}"
    script = machine.file(f"{SERVICES}/{server.name}/run").read_text()
    limits = machine.file(f"{process}/limits").read_text()
    for option, name in LIMITS.items():
        for number in re.findall(rf"softlimit\b.*? {option} (\d+)", script):
            soft, hard = re.findall(rf"(?m)^{name} +(\w+) +(\w+)", limits)[0]
            assert soft in (number, hard)
    account = re.search(r"(?:set|env)uidgid (\S+)", script)
    if account:
        number = machine.run("id", "-u", account[1]).stdout.strip()
        assert f"\nUid:\t{number}\t{number}\t" in machine.file(f"{process}/status").read_text()


def test_each_signal_does_what_the_page_says(machine: Machine, server: Server) -> None:
    pid = start(machine, server.name)
    for letter, effect in (("-h", server.hup), ("-a", server.alrm), ("-i", "ends"), ("-t", "ends")):
        machine.svc(letter, server.name)
        if effect == "ends":
            pid = wait_until_restarted(machine, server.name, pid)
            continue
        if effect != "ignored":
            wait_until(lambda: effect in machine.log(server.name), f"{effect} in the log")  # noqa: B023
        machine.wait_until_answered(server.name)
        assert machine.state(f"/service/{server.name}").pid == pid


def test_a_killed_server_is_back_at_once(machine: Machine, server: Server) -> None:
    pid = start(machine, server.name)
    for _ in range(2):
        machine.svc("-k", server.name)
        pid = wait_until_restarted(machine, server.name, pid)


def test_pause_continue_once_down_up_and_exit(machine: Machine, server: Server) -> None:
    name, pid = server.name, start(machine, server.name)
    machine.svc("-p", name)
    machine.wait_until_state(name, lambda now: "paused" in now.line, "paused")
    wait_until(lambda: stopped(machine, pid), "the process is stopped")
    machine.svc("-c", name)
    machine.wait_until_state(name, lambda now: "paused" not in now.line, "continued")
    machine.wait_until_answered(name)
    assert machine.state(f"/service/{name}").pid == pid

    machine.svc("-ot", name)
    machine.wait_until_state(name, lambda now: ": down" in now.line, "not started again")
    machine.svc("-u", name)
    pid = wait_until_restarted(machine, name, pid)
    machine.svc("-d", name)
    machine.wait_until_state(name, lambda now: ": down" in now.line, "down")
    machine.svc("-u", name)
    pid = wait_until_restarted(machine, name, pid)
    # svscan starts another supervise.
    machine.svc("-dx", name)
    wait_until_restarted(machine, name, pid)


def stopped(machine: Machine, pid: int) -> bool:
    """Is a process of the machine in state T?"""
    return machine.file(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_no_request_and_no_line_is_lost_under_load(machine: Machine, server: Server) -> None:
    start(machine, server.name)
    logged = re.compile(LOGGED.get(server.name, "^$"))
    if server.name in LOGGED:
        wait_until(lambda: len(logged.findall(machine.log(server.name))) == 1, "the first line")
    threads, times = (1, 8) if server.name == "sshd" else (4, 100)
    if server.name == "postgresql":
        times = 10
    asked = meanwhile(
        lambda: machine.ask(server.name, threads=threads, times=times),
        lambda: disturb(machine, server.name),
    )
    assert asked == Asked(threads * times, [])
    if server.name in LOGGED:
        expected = 1 + threads * times
        wait_until(lambda: len(logged.findall(machine.log(server.name))) >= expected, "all lines")
        assert len(logged.findall(machine.log(server.name))) == expected


def meanwhile(load: Callable[[], Asked], disturb: Callable[[], None]) -> Asked:
    """What came of the load, while the server was disturbed at least once."""
    outcomes: list[Asked] = []
    thread = threading.Thread(target=lambda: outcomes.append(load()))
    thread.start()
    disturb()
    while thread.is_alive():
        disturb()
    thread.join()
    return outcomes[0]


def disturb(machine: Machine, name: str) -> None:
    """Start another logger; a few times, rotate the log and reload what loses nothing by it."""
    machine.svc("-t", f"{name}/log")
    if len([*machine.file(f"{SERVICES}/{name}/log/main").glob("@*")]) >= 5:
        return  # multilog keeps nine, and may be late; under a flood of HUP, Postfix only reloads
    if name == "freeradius":  # it reads again what has changed
        machine.run("touch", "/etc/freeradius/3.0/mods-config/files/authorize")
    if name in RELOADS:
        machine.run("kill", f"-{RELOADS[name]}", str(machine.state(f"/service/{name}").pid))
    machine.svc("-a", f"{name}/log")


@only("apache2", "sshd")
def test_what_hup_costs_is_connections_and_not_the_server(machine: Machine, server: Server) -> None:
    pid = start(machine, server.name)
    asked = meanwhile(
        lambda: machine.ask(server.name, threads=1, times=100),
        lambda: machine.svc("-h", server.name),
    )
    lost = ("wrong answer", "ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError")
    assert all(failed.startswith(lost) for failed in asked.failed), asked
    machine.wait_until_answered(server.name)
    assert machine.state(f"/service/{server.name}").pid == pid


def test_the_last_words_are_in_the_log(machine: Machine, server: Server) -> None:
    start(machine, server.name)
    stop_in_order(machine, server.name)
    last = machine.log(server.name).splitlines()[-1]
    assert server.last_words in last or server.last_words == "none"


def stop_in_order(machine: Machine, name: str) -> None:
    """Stop the tree as docs/howto/stop-the-tree.md says."""
    machine.run("pkill", "-x", "svscan")
    wait_until(lambda: machine.run("pgrep", "-x", "svscan", check=False).stdout == "", "no svscan")
    if name == "fghack":
        machine.answers(block(FGHACK))
        machine.wait_until_state(name, lambda now: ": down" in now.line, "down")
    for letters, directory in (("-dx", f"/service/{name}"), ("-x", f"/service/{name}/log")):
        machine.run("svc", letters, directory)
        gone = lambda: machine.run("svok", directory, check=False).returncode == 100  # noqa: B023, E731
        wait_until(gone, f"{directory} is gone")


@only(*LOGGED)
def test_the_last_request_is_in_the_log(machine: Machine, server: Server) -> None:
    start(machine, server.name)
    stop_in_order(machine, server.name)
    assert len(re.findall(LOGGED[server.name], machine.log(server.name))) == 1


def start_changed(machine: Machine, name: str, words: str, others: str = "") -> None:
    """Put a server into place with other words in its script, and let svscan start it."""
    put_into_place(machine, name, link=False)
    run = machine.file(f"{SERVICES}/{name}/run")
    assert words in run.read_text()
    run.write_text(run.read_text().replace(words, others))
    machine.run("ln", "-s", f"{SERVICES}/{name}", "/service/")


@only("nginx", "apache2")
def test_without_pkill_the_workers_of_a_killed_master_hold_the_port(
    machine: Machine, server: Server
) -> None:
    start_changed(machine, server.name, f"pkill -KILL -x -P 1 -u www-data {server.name}\n")
    machine.wait_until_answered(server.name)
    machine.svc("-k", server.name)
    wait_until(lambda: "Address already in use" in machine.log(server.name), "no port")


@only("postgresql")
def test_postgresql_cannot_read_the_key_of_the_group_ssl_cert(
    machine: Machine, server: Server
) -> None:
    if not machine.file("/etc/ssl/private/ssl-cert-snakeoil.key").exists():
        pytest.skip("needs ssl-cert")
    start_changed(machine, server.name, "ssl=off", "ssl=on")
    wait_until(lambda: "could not access private key" in machine.log(server.name), "no key")


@only("freeradius")
def test_freeradius_becomes_freerad_and_keeps_its_groups(machine: Machine, server: Server) -> None:
    status = machine.file(f"/proc/{start(machine, server.name)}/status").read_text()
    number, groups = (machine.run("id", word, "freerad").stdout.split() for word in ("-u", "-G"))
    assert f"\nUid:\t{number[0]}\t{number[0]}\t" in status
    assert set(groups) <= set(re.findall(r"(?m)^[GU]id.*|^Groups:.*", status)[-1].split())


@only("postgresql")
def test_postgresql_waits_for_its_clients_but_not_after_int(
    machine: Machine, server: Server
) -> None:
    start(machine, server.name)
    client = threading.Thread(target=machine.run, args=(
        "setuidgid", "postgres", "psql", "-c", "select pg_sleep(1000)", "postgres"),
        kwargs={"check": False})  # fmt: skip
    client.start()
    is_there = lambda: machine.run("pgrep", "-f", "postgres.* SELECT$", check=False).returncode == 0  # noqa: E731
    wait_until(is_there, "a client")
    machine.svc("-d", server.name)
    wait_until(lambda: "smart shutdown" in machine.log(server.name), "TERM arrives")
    assert "want down" in machine.state(f"/service/{server.name}").line
    machine.svc("-di", server.name)
    machine.wait_until_state(server.name, lambda now: ": down" in now.line, "down")
    client.join()


@only("smbd")
@pytest.mark.parametrize("has_pgrphack", [True, False])
def test_smbd_takes_svscan_down_unless_pgrphack_separates_them(
    machine: Machine, server: Server, *, has_pgrphack: bool
) -> None:
    start_changed(machine, server.name, "pgrphack ", "pgrphack " if has_pgrphack else "")
    machine.wait_until_answered(server.name)
    pid = machine.state(f"/service/{server.name}").pid
    machine.svc("-t", server.name)
    if has_pgrphack:
        wait_until_restarted(machine, server.name, pid)
    else:
        gone = lambda: machine.run("pgrep", "-x", "svscan", check=False).stdout == ""  # noqa: E731
        wait_until(gone, "svscan is gone")


def daemon(machine: Machine) -> str:
    """The process id of the daemon, of which there is one."""
    return machine.file("/run/nginx-fghack.pid").read_text()


@only("fghack")
def test_fghack_ends_with_its_daemon_and_supervise_starts_both(
    machine: Machine, server: Server
) -> None:
    pid, old = start(machine, server.name), daemon(machine)
    machine.run("kill", old.strip())
    wait_until_restarted(machine, server.name, pid)
    assert daemon(machine) != old


@only("fghack")
def test_the_daemon_goes_on_after_fghack_until_both_start_again(
    machine: Machine, server: Server
) -> None:
    pid, old = start(machine, server.name), daemon(machine)
    machine.svc("-d", server.name)
    machine.wait_until_state(server.name, lambda now: ": down" in now.line, "down")
    machine.wait_until_answered(server.name)
    assert daemon(machine) == old
    machine.svc("-u", server.name)
    wait_until_restarted(machine, server.name, pid)
    wait_until(lambda: machine.run("pgrep", "-x", "-P", "1", "nginx").stdout != old, "a new daemon")
    machine.wait_until_answered(server.name)


@only("fghack")
def test_fghack_goes_on_while_workers_of_a_killed_daemon_hold_the_pipe(
    machine: Machine, server: Server
) -> None:
    pid, old = start(machine, server.name), daemon(machine)
    machine.run("kill", "-KILL", old.strip())
    machine.wait_until_answered(server.name)  # by a worker
    assert machine.state(f"/service/{server.name}").pid == pid
    machine.svc("-t", server.name)
    wait_until_restarted(machine, server.name, pid)
    wait_until(lambda: daemon(machine) != old, "a new daemon")
    machine.wait_until_answered(server.name)
