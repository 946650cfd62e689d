"""envuidgid: the variables UID and GID, and what it refuses."""

import pwd

import pytest

from daemontools_conformance.helpers.accounts import with_accounts
from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.helpers.states import child, direct
from daemontools_conformance.running.record import Record, by_name
from daemontools_conformance.running.sandbox import Sandbox


def from_entries(sandbox: Sandbox, *entries: str) -> Record:
    """The child of `envuidgid nobody` that starts from these entries."""
    words = [word for entry in entries for word in ("--environ-entry", entry)]
    return child(sandbox, "envuidgid", "nobody", prepare=["--empty-environ", *words])


NOBODY = pwd.getpwnam("nobody")
GID, UID = b"GID=%d" % NOBODY.pw_gid, b"UID=%d" % NOBODY.pw_uid
# Most have one number for both; with them the two could be exchanged and nobody would see it.
TWO_NUMBERS = [entry.pw_name for entry in pwd.getpwall() if entry.pw_uid != entry.pw_gid][:1]


@clause("envuidgid/set/uid-and-gid")
@pytest.mark.parametrize("account", ["root", "daemon", "bin", "nobody", *TWO_NUMBERS])
def test_the_variables_hold_the_ids(sandbox: Sandbox, account: str) -> None:
    entry = pwd.getpwnam(account)
    answer = sandbox.run("envuidgid", account, "sh", "-c", "echo $GID; env | grep ^UID=")
    assert (answer.code, answer.err) == (0, b"")
    assert answer.out == b"%d\nUID=%d\n" % (entry.pw_gid, entry.pw_uid)


@clause("envuidgid/set/order")
def test_gid_stands_before_uid_at_the_end(sandbox: Sandbox) -> None:
    assert from_entries(sandbox, "A=1", "B=2").block == (b"A=1", b"B=2", GID, UID)


@clause("envuidgid/set/replaced")
def test_older_values_are_replaced(sandbox: Sandbox) -> None:
    seen = from_entries(sandbox, "UID=x", "A=1", "GID=y", "B=2").environment
    assert seen == (b"A=1", b"B=2", GID, UID)


@clause("envuidgid/set/replaced")
def test_similar_names_stay(sandbox: Sandbox) -> None:
    entries = ("UIDX=1", "uid=2", "EUID=3", "UID", "GID")
    expected = [b"UIDX=1", b"uid=2", b"EUID=3", b"UID", b"GID", GID, UID]
    assert from_entries(sandbox, *entries).environment == by_name(expected)


@clause("envuidgid/set/duplicates")
def test_only_the_first_of_two_is_replaced(sandbox: Sandbox) -> None:
    seen = from_entries(sandbox, "UID=1", "UID=2", "A=1").environment
    assert by_name(seen) == by_name([b"A=1", GID, b"UID=2", UID])


@clause("envuidgid/set/large")
@needs("root", "namespaces")
@pytest.mark.parametrize(
    ("account", "uid", "gid"),
    [
        ("greatest", 4294967295, 4294967295),
        ("large", 4294967294, 4294967293),
        ("wraps", 65536, 65536),
        ("middle", 2147483648, 65536),
    ],
)
def test_large_ids_are_shown_whole(sandbox: Sandbox, account: str, uid: int, gid: int) -> None:
    command = with_accounts(sandbox, "envuidgid", account, "env")
    answer = sandbox.start_command(command).wait()
    assert (answer.code, answer.err) == (0, b"")
    assert {b"GID=%d" % gid, b"UID=%d" % uid} <= set(answer.out.splitlines())


@clause("envuidgid/account/any-bytes")
@needs("root", "namespaces")
def test_an_account_whose_name_is_not_utf_8(sandbox: Sandbox) -> None:
    command = with_accounts(sandbox, "envuidgid", b"caf\xe9\xff", "sh", "-c", "echo $UID $GID")
    assert sandbox.start_command(command).wait().out == b"4005 4006\n"


@clause("envuidgid/account/long-line")
@needs("root", "namespaces")
def test_a_long_name_in_a_long_line(sandbox: Sandbox) -> None:
    command = with_accounts(sandbox, "envuidgid", "long" * 63, "sh", "-c", "echo $UID $GID")
    assert sandbox.start_command(command).wait().out == b"4014 4015\n"


@clause("envuidgid/set/ids-stay")
def test_no_id_changes(sandbox: Sandbox) -> None:
    before, after = direct(sandbox), child(sandbox, "envuidgid", "daemon")
    assert (after.uids, after.gids, after.groups) == (before.uids, before.gids, before.groups)


@clause("envuidgid/set/ids-stay")
@needs("root")
def test_an_ordinary_user_may_call_it(sandbox: Sandbox) -> None:
    seen = child(sandbox, "envuidgid", "daemon", prepare=AS_NOBODY)
    assert seen.uids == (65534,) * 4
    assert {b"GID=1", b"UID=1"} <= set(seen.environment)


@clause("envuidgid/account/unknown")
@pytest.mark.parametrize("account", ["nosuch", "", "nobody ", "NOBODY", "nobody:x"])
def test_an_unknown_account(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.run("envuidgid", account, "touch", "ran")
    assert (answer.code, bool(answer.said)) == (111, True)
    assert not (sandbox.path / "ran").exists()


@clause("envuidgid/account/unknown-message")
@pytest.mark.parametrize("account", ["nosuch", "", "nobody ", "NOBODY", "nobody:x"])
def test_what_is_said_of_an_unknown_account(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.run("envuidgid", account, "true")
    expected = b"envuidgid: fatal: unknown account " + account.encode() + b"\n"
    assert (answer.out, answer.err) == (b"", expected)


@clause("envuidgid/account/number")
@pytest.mark.parametrize("account", ["0", "65534"])
def test_a_number_is_a_name(sandbox: Sandbox, account: str) -> None:
    assert sandbox.run("envuidgid", account, "true").code == 111


@clause("envuidgid/account/any-bytes")
@pytest.mark.parametrize("account", [b"\xff\xfe", b"caf\xc3\xa9", b"\xed\xb2\x80"])
def test_the_message_shows_every_byte(sandbox: Sandbox, account: bytes) -> None:
    answer = sandbox.run("envuidgid", account, "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envuidgid: fatal: unknown account " + account + b"\n"


@clause("envuidgid/usage/too-few")
@pytest.mark.parametrize("operands", [[], ["nobody"], ["nosuch"], [""]])
def test_too_few_operands(sandbox: Sandbox, operands: list[str]) -> None:
    answer = sandbox.run("envuidgid", *operands)
    assert (answer.code, answer.out) == (100, b"")
    assert answer.err == b"envuidgid: usage: envuidgid account child\n"


@clause("envuidgid/usage/no-options")
@pytest.mark.parametrize("word", [b"--", b"-D", b"-"])
def test_a_word_with_a_dash_is_an_account(sandbox: Sandbox, word: bytes) -> None:
    answer = sandbox.run("envuidgid", word, "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"envuidgid: fatal: unknown account " + word + b"\n"
