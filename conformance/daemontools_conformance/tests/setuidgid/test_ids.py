"""setuidgid: the ids of the child."""

import os
import pwd
import re

import pytest

from daemontools_conformance.helpers.accounts import with_accounts
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox

KINDS = {
    "setgroups": "groups",
    "setgid": "gid",
    "setregid": "gid",
    "setresgid": "gid",
    "setuid": "uid",
    "setreuid": "uid",
    "setresuid": "uid",
}
SHOW_IDS = ("sh", "-c", "grep -E '^(Uid|Gid|Groups):' /proc/self/status")


def ids(sandbox: Sandbox, account: str | bytes) -> tuple[set[int], set[int], list[int]]:
    """All uids, all gids and the groups of a child of setuidgid, with the test's own accounts."""
    running = sandbox.start_command(with_accounts(sandbox, "setuidgid", account, *SHOW_IDS))
    answer = running.wait()
    assert (answer.code, answer.err) == (0, b"")
    uids, gids, groups = (line.split()[1:] for line in answer.out.splitlines())
    return {int(n) for n in uids}, {int(n) for n in gids}, [int(n) for n in groups]


@clause("setuidgid/ids/uid-and-gid")
@needs("root")
@pytest.mark.parametrize("account", ["nobody", "daemon"])
def test_the_child_has_the_ids_of_the_account(sandbox: Sandbox, account: str) -> None:
    entry = pwd.getpwnam(account)
    seen = child(sandbox, "setuidgid", account)
    assert (seen.uids, seen.gids) == ((entry.pw_uid,) * 4, (entry.pw_gid,) * 4)


@clause("setuidgid/ids/one-group")
@needs("root")
def test_the_groups_of_the_caller_are_gone(sandbox: Sandbox) -> None:
    mine = os.getgroups()
    os.setgroups([4, 6, 24, 60])
    try:
        seen = child(sandbox, "setuidgid", "nobody")
    finally:
        os.setgroups(mine)
    assert seen.groups == (pwd.getpwnam("nobody").pw_gid,)


@clause("setuidgid/ids/group-file")
@needs("root", "namespaces")
def test_groups_of_the_group_file_are_not_given(sandbox: Sandbox) -> None:
    assert ids(sandbox, "member") == ({4011}, {4012}, [4012])


@clause("setuidgid/ids/gid-before-uid")
@needs("root", "strace")
def test_groups_then_gid_then_uid(sandbox: Sandbox) -> None:
    """In which order the kinds begin: a runtime with threads makes each call for each thread."""
    trace = ["strace", "-f", "-o", "trace", "-e", f"trace={','.join(KINDS)}"]
    command = [*trace, sandbox.file("setuidgid"), "nobody", "true"]
    assert sandbox.start_command(command).wait().code == 0
    trace_text = (sandbox.path / "trace").read_text()
    names = re.findall(r"^\d+ +(set\w+)\(", trace_text, flags=re.MULTILINE)
    assert list(dict.fromkeys(KINDS[name] for name in names)) == ["groups", "gid", "uid"]


@clause("setuidgid/ids/root")
@needs("root")
def test_the_account_root(sandbox: Sandbox) -> None:
    seen = child(sandbox, "setuidgid", "root")
    assert (seen.uids, seen.gids, seen.groups) == ((0,) * 4, (0,) * 4, (0,))


@clause("setuidgid/ids/large")
@needs("root", "namespaces")
@pytest.mark.parametrize(
    ("account", "uid", "gid"),
    [
        ("sixteen", 70000, 70001),
        ("wraps", 65536, 65536),
        ("middle", 2147483648, 65536),
        ("large", 4294967294, 4294967293),
    ],
)
def test_ids_above_16_and_31_bits_are_set_whole(
    sandbox: Sandbox, account: str, uid: int, gid: int
) -> None:
    assert ids(sandbox, account) == ({uid}, {gid}, [gid])


@clause("setuidgid/refused/no-such-id")
@needs("root", "namespaces")
@pytest.mark.parametrize(("account", "call"), [("greatest", "setgid"), ("without", "setuid")])
def test_the_id_that_means_none(sandbox: Sandbox, account: str, call: str) -> None:
    command = with_accounts(sandbox, "setuidgid", account, "echo", "ran")
    answer = sandbox.start_command(command).wait()
    message = f"setuidgid: fatal: unable to {call}: invalid argument\n".encode()
    assert (answer.code, answer.out, answer.err) == (111, b"", message)


@clause("setuidgid/ids/no-way-back")
@needs("root")
def test_the_child_cannot_become_root_again(sandbox: Sandbox) -> None:
    file = sandbox.file("setuidgid")
    answer = sandbox.run("setuidgid", "nobody", file, "root", "echo", "ran")
    assert answer.code == 111
    assert b"ran" not in answer.out.splitlines()


@clause("setuidgid/account/unknown")
@pytest.mark.parametrize("account", ["nosuch", "nobody ", "NOBODY", "nobody:x", "nob\nody"])
def test_an_unknown_account(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.run("setuidgid", account, "touch", "ran")
    assert (answer.code, bool(answer.said)) == (111, True)
    assert not (sandbox.path / "ran").exists()


@clause("setuidgid/account/unknown-message")
@pytest.mark.parametrize("account", ["nosuch", "nobody ", "NOBODY", "nobody:x", "nob\nody"])
def test_what_is_said_of_an_unknown_account(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.run("setuidgid", account, "true")
    expected = b"setuidgid: fatal: unknown account " + account.encode() + b"\n"
    assert (answer.out, answer.err) == (b"", expected)


@clause("setuidgid/account/number")
@pytest.mark.parametrize("account", ["0", "65534", "+0"])
def test_a_number_is_a_name(sandbox: Sandbox, account: str) -> None:
    assert sandbox.run("setuidgid", account, "true").code == 111


@clause("setuidgid/account/number")
@needs("root", "namespaces")
def test_an_account_may_be_called_0(sandbox: Sandbox) -> None:
    assert ids(sandbox, "0") == ({4009}, {4010}, [4010])


@clause("setuidgid/account/empty")
def test_the_empty_name_is_unknown(sandbox: Sandbox) -> None:
    assert sandbox.run("setuidgid", "", "true").code == 111


@clause("setuidgid/account/any-bytes")
@pytest.mark.parametrize("account", [b"\xff\xfe", b"caf\xc3\xa9", b"\xed\xb2\x80", b"\x01"])
def test_the_message_shows_every_byte(sandbox: Sandbox, account: bytes) -> None:
    answer = sandbox.run("setuidgid", account, "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setuidgid: fatal: unknown account " + account + b"\n"


@clause("setuidgid/account/any-bytes")
@needs("root", "namespaces")
@pytest.mark.parametrize(("account", "uid"), [(b"caf\xe9\xff", 4005), (b"with blank", 4007)])
def test_accounts_with_odd_names(sandbox: Sandbox, account: bytes, uid: int) -> None:
    assert ids(sandbox, account)[0] == {uid}


@clause("setuidgid/account/long-line")
@needs("root", "namespaces")
def test_a_long_name_in_a_long_line(sandbox: Sandbox) -> None:
    assert ids(sandbox, "long" * 63) == ({4014}, {4015}, [4015])


@clause("setuidgid/account/first-line-counts")
@needs("root", "namespaces")
def test_of_two_lines_the_first_counts(sandbox: Sandbox) -> None:
    assert ids(sandbox, "twice") == ({4001}, {4002}, [4002])
