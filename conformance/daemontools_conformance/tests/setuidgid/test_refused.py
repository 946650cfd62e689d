"""setuidgid: what it refuses."""

import os
import pwd

import pytest

from daemontools_conformance.helpers.marks import AS_NOBODY, clause, needs
from daemontools_conformance.running.sandbox import Sandbox


@clause("setuidgid/refused/not-root")
@needs("root")
@pytest.mark.parametrize("account", ["nobody", "root"])
def test_an_ordinary_user_is_refused(sandbox: Sandbox, account: str) -> None:
    answer = sandbox.run("setuidgid", account, "echo", "ran", prepare=AS_NOBODY)
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setuidgid: fatal: unable to setgid: permission denied\n"


@clause("setuidgid/refused/not-root")
@needs("user")
def test_this_user_is_refused(sandbox: Sandbox) -> None:
    answer = sandbox.run("setuidgid", pwd.getpwuid(os.getuid()).pw_name, "echo", "ran")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setuidgid: fatal: unable to setgid: permission denied\n"


@clause("setuidgid/refused/no-uid")
@needs("root", "setpriv")
def test_a_uid_that_cannot_be_set(sandbox: Sandbox) -> None:
    words = sandbox.words("setuidgid", "nobody", "echo", "ran")
    without = ["setpriv", "--bounding-set", "-setuid", "--inh-caps", "-setuid"]
    answer = sandbox.start_command([*without, *words]).wait()
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setuidgid: fatal: unable to setuid: permission denied\n"


@clause("setuidgid/usage/too-few")
@pytest.mark.parametrize("operands", [[], ["nobody"], ["nosuch"], [""]])
def test_too_few_operands(sandbox: Sandbox, operands: list[str]) -> None:
    answer = sandbox.run("setuidgid", *operands)
    assert (answer.code, answer.out) == (100, b"")
    assert answer.err == b"setuidgid: usage: setuidgid account child\n"


@clause("setuidgid/usage/no-options")
@pytest.mark.parametrize("word", [b"--", b"-s", b"-"])
def test_a_word_with_a_dash_is_an_account(sandbox: Sandbox, word: bytes) -> None:
    answer = sandbox.run("setuidgid", word, "true")
    assert (answer.code, answer.out) == (111, b"")
    assert answer.err == b"setuidgid: fatal: unknown account " + word + b"\n"
