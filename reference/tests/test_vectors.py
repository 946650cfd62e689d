"""The pure modules give the answers of the vectors (fixtures/vectors)."""

import json
import resource
import time
from pathlib import Path
from typing import Any

import pytest

from daemontools import tai64
from daemontools.core import envblock, envfile, limits, local, options, script, stamp
from daemontools.core.lines import Lines
from daemontools.fast.lines import Selection
from daemontools.programs import softlimit, svc
from daemontools.programs.svstat import describe

VECTORS = Path(__file__).parents[2] / "fixtures/vectors"


def decoded(value: Any) -> Any:
    """The value with bytes for strings: each character is a byte."""
    if isinstance(value, dict):
        return {name: decoded(member) for name, member in value.items()}
    if isinstance(value, list):
        return [decoded(member) for member in value]
    return value.encode("latin-1") if isinstance(value, str) else value


def vectors(name: str) -> pytest.MarkDecorator:
    """Run the test with the input and the answer of each vector of a file."""
    found = json.loads((VECTORS / f"{name}.json").read_text())["vectors"]
    rows = [(decoded(vector["input"]), decoded(vector["answer"])) for vector in found]
    ids = [f"{vector['clause']}: {vector['why']}" for vector in found]
    return pytest.mark.parametrize(("given", "answer"), rows, ids=ids)


@vectors("labels")
def test_labels(given: dict[str, bytes], answer: dict[str, bytes]) -> None:
    second, nanosecond = tai64.parse_tai64n(given["label"])
    assert (second, nanosecond) == (int(answer["second"]), int(answer["nanosecond"]))
    assert tai64.format_tai64n(second, nanosecond) == given["label"]


@vectors("tai64nlocal")
def test_dates(given: dict[str, bytes], answer: dict[str, bytes]) -> None:
    dates = local.localise(given["stdin"], lambda second: time.gmtime(second)[:6])
    assert dates == answer["stdout"]


@vectors("tai64n")
def test_stamps(given: dict[str, bytes], answer: dict[str, list[bytes]]) -> None:
    stamped = b"".join(b"LABEL " + line for line in answer["lines"])
    assert stamp.stamp(given["stdin"], b"LABEL", inside_line=False) == stamped


@pytest.mark.parametrize("model", [Lines, Selection])
@vectors("multilog-patterns")
def test_patterns(
    given: dict[str, list[bytes]], answer: dict[str, list[bytes]], model: type[Lines | Selection]
) -> None:
    _, actions, _ = script.parse([*given["script"], b"./log"])
    lines = model(actions, is_stamped=False)
    output = lines.feed(b"".join(line + b"\n" for line in given["lines"]), b"")
    assert output.logs == [b"".join(line + b"\n" for line in answer["selected"])]


@vectors("envdir")
def test_files_of_envdir(given: dict[str, list[Any]], answer: dict[str, list[bytes]]) -> None:
    changes = [
        (name, envfile.value([content] if content else []))
        for name, content in given["files"]
        if not name.startswith(b".")
    ]
    assert envblock.merged(given["environment"], changes) == answer["environment"]


@vectors("softlimit")
def test_options_of_softlimit(given: dict[str, list[Any]], answer: dict[str, Any]) -> None:
    argv = [b"softlimit", *given["words"]]
    found, first, complaint = options.parse(argv, b"a:c:d:f:l:m:o:p:r:s:t:")
    hard = {getattr(resource, f"RLIMIT_{name.decode()}"): number(n) for name, n in given["hard"]}
    soft: dict[int, int] = {}
    try:
        for letter, amount in found:
            for limit in softlimit.LIMITS[letter]:
                soft[limit] = limits.soft_limit(amount, hard.get(limit, limits.UNLIMITED))
    except ValueError:
        complaint = softlimit.USAGE.encode()
    if "exit" in answer:
        assert complaint in (answer["stderr"], None)
        assert complaint or not argv[first:]
    else:
        names = {getattr(resource, f"RLIMIT_{n.decode()}"): number(a) for n, a in answer["limits"]}
        assert (soft, argv[first:], complaint) == (names, answer["child"], None)


def number(limit: bytes) -> int:
    """A limit as softlimit counts it."""
    return limits.UNLIMITED if limit == b"unlimited" else int(limit)


@vectors("setlock")
def test_options_of_setlock(given: dict[str, list[bytes]], answer: dict[str, Any]) -> None:
    argv = [b"setlock", *given["words"]]
    found, first, complaint = options.parse(argv, b"nNxX")
    if "exit" in answer:
        assert complaint in (answer["stderr"], None)
        assert complaint or not argv[first + 1 :]
    else:
        last = {letter.lower(): letter for letter, _ in found}
        assert (last.get(b"n") != b"n", last.get(b"x") == b"x") == (
            answer["delay"],
            answer["silent"],
        )
        assert (argv[first:], complaint) == ([answer["file"], *answer["child"]], None)


@vectors("svc")
def test_options_of_svc(given: dict[str, list[bytes]], answer: dict[str, Any]) -> None:
    argv = [b"svc", *given["words"]]
    found, first, complaint = options.parse(argv, svc.LETTERS)
    assert complaint == answer.get("stderr")
    if "written" in answer:
        letters = b"".join(dict.fromkeys(letter for letter, _ in found))
        assert [[directory, letters] for directory in argv[first:]] == answer["written"]


@vectors("svstat")
def test_lines_of_svstat(given: dict[str, Any], answer: dict[str, bytes]) -> None:
    status = bytes.fromhex(given["status"].decode())
    if "since" not in answer:
        assert len(status) < 18
        return
    now = 2_000_000_000
    seconds = int(float(max(now - int(answer["since"]), 0)))
    line = answer["line"].decode().replace("S seconds", f"{seconds} seconds")
    assert describe(status, now, normally_up=not given["down"]) == line
