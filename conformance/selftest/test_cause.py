"""The cause of a failure, from values written by hand, and the groups that causes make."""

import pytest

from daemontools_conformance.contract.outcomes import Crashed, Hung, Outcome
from daemontools_conformance.judging.cause import (
    Compared,
    Short,
    by_cause,
    cause,
    difference,
    entry,
    title,
)
from daemontools_conformance.running.implementation import ProgramMissing
from daemontools_conformance.running.patience import InVain, TooLate

FALSE = AssertionError("assert what was seen is not what the clause asks for")
USAGE = b"svok: usage: svok dir\n"
OPEN = b"setlock: fatal: unable to open l: access denied\n"
WARNING = b"svc: warning: unable to chdir to s: access denied\n"


def of(seen: object, expected: object, statement: str = "", op: str = "==") -> str:
    return cause(Compared(op, seen, expected, statement), FALSE)


@pytest.mark.parametrize(
    ("seen", "expected", "named"),
    [
        ((1, b"", USAGE), (100, b"", USAGE), "exit 1 instead of 100"),
        ((1, b"Usage: svok DIR\n", b""), (100, b"", USAGE), "exit 1 instead of 100"),
        ((-15, b"", b""), (0, b"", b""), "SIGTERM instead of 0"),
        ((0, b"ran\n"), (111, b""), "exit 0 instead of 111"),
        ((100, b""), (7, b""), "exit 100 where nothing is to be refused"),
        ((100, b""), (111, b""), "exit 100 instead of 111"),
        ((-33, b""), (0, b""), "signal 33 instead of 0"),
        ((-1000, b""), (0, b""), "signal 1000 instead of 0"),
        ((100, b"", USAGE), (-25, b"", b""), "is not killed by a signal"),
        ((-9, b"", b""), (-25, b"", b""), "SIGKILL instead of SIGXFSZ"),
        ((OPEN, b""), (b"", OPEN), "error message on standard output"),
        ((b"", b"no\n"), (b"", OPEN), "error message in other words"),
        ((100, USAGE, b""), (100, b"", USAGE), "usage line on standard output"),
        ((100, b"Usage: svok DIR\n"), (100, b""), "usage line on standard output"),
        ((100, USAGE, b"no -z\n"), (100, b"", USAGE), "usage line on standard output"),
        ((111, b"ran\n", b"no\n"), (111, b"", OPEN), ""),
        ((100, b"hi\n"), (100, b""), "says something where nothing is said"),
        ((100, b"hi\n", b""), (100, b"", USAGE), "usage line on standard output"),
        ((111, b"usage: envdir d child\n"), (111, b""), "usage line on standard output"),
        ((111, OPEN, b""), (111, b"", OPEN), "error message on standard output"),
        ((111, b"no\n"), (111, b""), "error message on standard output"),
        ((100, b"", b"use it well\n"), (100, b"", USAGE), "usage line in other words"),
        ((111, b"", b"no\n"), (111, b"", OPEN), "error message in other words"),
        ((111, b"", b""), (111, b"", OPEN), "no error message on standard error"),
        ((0, b"", b"note\n"), (0, b"", b""), "says something where nothing is said"),
        ((111, b"", b"note\n" + OPEN), (111, b"", OPEN), "says something where nothing is said"),
        (b"no\n", WARNING, "warning in other words"),
        (b"", WARNING, "no warning on standard error"),
        (b"", USAGE, "no usage line on standard error"),
        ((0, b"other\n", b""), (0, b"one\n", b""), ""),
        ((0, b"", b""), (0, b"one\n", b""), "nothing where something is written"),
        (b"", b"one\n", "nothing where something is written"),
        (b"other\n", b"one\n", ""),
        (7, 3, ""),
        ([b"a"], [b"b"], ""),
        ((1, 2), (1, 3), ""),
        ({"d": (111, b"", b"no\n")}, {"d": (111, b"", OPEN)}, "error message in other words"),
        ({"d": 1, "e": (0, b"")}, {"d": 2, "e": (111, b"")}, "exit 0 instead of 111"),
        ({"d": 1}, {"d": 2}, ""),
    ],
)
def test_what_was_expected_and_seen_has_a_name(seen: object, expected: object, named: str) -> None:
    assert of(seen, expected) == named


def test_the_line_of_the_test_says_what_a_plain_value_is() -> None:
    assert of(1, 111, "assert answer.code == 111") == "exit 1 instead of 111"
    assert of(b"no\n", b"svok: huh\n", "assert answer.err == b''") == "error message in other words"
    assert of((2, True), (0, False), "assert (a.code, bool(a.said)) == x") == "exit 2 instead of 0"
    assert of((111, False), (111, True), "assert (a.code, bool(a.said)) == x") == ""
    code_and_error = "assert (answer.code, answer.err) == (111, message)"
    assert of((111, b"no\n"), (111, OPEN), code_and_error) == "error message in other words"
    assert of(1, 111, "assert len(found) == 111") == ""
    assert of(1, 111, "assert answer.code != 111", op="!=") == ""


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (
            Crashed("svok s was killed by SIGSEGV; stderr: b''", "died of SIGSEGV"),
            "died of SIGSEGV",
        ),
        (ProgramMissing("there is no svok in bin", "there is no svok"), "there is no svok"),
        (Hung("svok s did not end within 20 s; ..."), "does not end"),
        (
            TooLate("<envdir e sh, pid 47> becomes the probe: not within 30 s: False"),
            "waited in vain: it becomes the probe",
        ),
        (
            TooLate("/tmp/conformance-x1/t2/box/apart read text: not within 30 s: [Errno 2]"),
            "waited in vain: a file read text",
        ),
        (TooLate("<lambda>: not within 30 s: False"), ""),
        (TooLate("pattern.search(text()): not within 30 s: None"), ""),
        (
            TooLate('supervise_of(svscan, "1"): not within 1 s: the last answer was 0'),
            "waited in vain: supervise of",
        ),
        (
            TooLate('sandbox.is_supervised("s") and up(): not within 1 s: False'),
            "waited in vain: is supervised",
        ),
        (TooLate("any(map(re.match, lines)): not within 30 s: None"), ""),
        (TooLate("supervise a/b answers: not within 30 s: 0"), "waited in vain: supervise answers"),
        (TooLate("the service a runs: not within 30 s: 0"), "waited in vain: the service runs"),
        (TooLate("/tmp/box/s/done exists: not within 30 s: 0"), "waited in vain: a file exists"),
        (
            InVain("<envdir e sh, pid 47> becomes the probe: cannot come, since all has ended"),
            "ended before: it becomes the probe",
        ),
        (
            InVain("supervise s answers: cannot come, since every process has ended: False"),
            "ended before: supervise answers",
        ),
        (
            AssertionError("<envdir e sh, pid 4> ended before the probe ran: b''"),
            "ends before its child runs",
        ),
        (AssertionError("ids differ"), ""),
        (AssertionError("assert b''"), "nothing where something is written"),
        (
            AssertionError(
                "assert False\n +  where False = <built-in method startswith of bytes object at "
                "0x7f17>(b'svc: warning: ')"
            ),
            "warning in other words",
        ),
        (FileNotFoundError("current"), ""),
    ],
)
def test_a_failure_without_values_has_a_name_if_its_kind_has(
    error: BaseException, named: str
) -> None:
    assert cause(None, error) == named


def test_a_difference_is_one_line_without_hex() -> None:
    def shown(seen: object, expected: object) -> str:
        return difference(Compared("==", seen, expected), FALSE)

    assert shown((1, b"", b"no\n"), (111, b"", OPEN)) == (
        r"expected exit code 111, seen 1; "
        r"expected stderr 'setlock: fatal: unable to open l: access denied\n', seen 'no\n'"
    )
    assert shown({"nice": 0, "umask": 2}, {"nice": 7, "umask": 2}) == "expected nice 7, seen 0"
    assert shown([1], [2]) == "expected [2], seen [1]"
    assert len(shown(b"x" * 10**6, b"y" * 10**6)) < 300
    assert difference(Compared("in", b"a", b"b"), FALSE) == "b'a' in b'b' does not hold"
    assert difference(None, FileNotFoundError("no\n  current\x1b[2J")) == "no current?[2J"


def short(
    clause: str, level: str = "CODE", outcome: Outcome = Outcome.FAIL, named: str = ""
) -> Short:
    return Short(clause, level, outcome, named, "expected 1, seen 2", 36, 40)


def test_groups_come_with_promises_first_and_then_the_worst_outcome() -> None:
    found = [
        short("svc/b/b", named="usage line on standard output"),
        short("svc/a/a", named="usage line on standard output"),
        short("svc/c/c"),
        short("svc/d/d", outcome=Outcome.CRASH, named="died of SIGSEGV"),
        short("svc/e/e", "PROMISED", named="exit 1 instead of 111"),
        short("svc/f/f", "QUIRK", Outcome.CRASH, "died of SIGSEGV"),
        short("svc/g/g", "QUIRK", Outcome.CRASH),
    ]
    assert [[one.clause for one in group] for group in by_cause(found)] == [
        ["svc/e/e"],
        ["svc/d/d", "svc/f/f"],
        ["svc/a/a", "svc/b/b"],
        ["svc/c/c"],
        ["svc/g/g"],
    ]
    assert [title(group) for group in by_cause(found)][1:4] == [
        "died of SIGSEGV: 2 clauses",
        "usage line on standard output: 2 clauses",
        "svc/c/c: expected 1, seen 2",
    ]


def test_clauses_of_one_kind_and_one_cause_share_an_entry() -> None:
    kinds = ("known-bug", "variant")
    for kind in kinds:
        assert entry("svc/a/a", kind, "seen") == entry("svc/b/b", kind, "seen")
        assert entry("svc/a/a", kind, "seen") != entry("svc/b/b", kind, "other")
        assert entry("svc/a/a", kind, "") != entry("svc/b/b", kind, "")
    assert len({entry("svc/a/a", kind, "seen") for kind in kinds}) == 2


def test_how_many_of_its_tests_hold_is_said_if_there_are_several() -> None:
    assert short("svc/a/a").states == "36 of 40 hold"
    assert Short("svc/a/a", "CODE", Outcome.FAIL, "", "", 0, 1).states == ""
