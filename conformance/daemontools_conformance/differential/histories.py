"""Cases for the programs that keep running: steps that happen to them, with looks in between."""

import os

from hypothesis import strategies as st

from daemontools_conformance.differential.case import Case, Node, Step
from daemontools_conformance.differential.values import (
    ENTRY,
    ENVIRONMENT,
    ODD_WORD,
    STATE,
    TEXT,
    Strategy,
    Words,
    option,
)

# readproctitle

TITLE_ARGUMENTS = st.lists(
    st.one_of(st.sampled_from([b"service", b"errors:", b"." * 20, b"." * 100, b"."]), ODD_WORD),
    max_size=4,
).map(tuple)


def readproctitle_case() -> Strategy[Case]:
    """readproctitle, with a look at its title after each piece of input."""
    odd = st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, 60)).map(
        lambda pair: pair[0] * pair[1]
    )
    pieces = st.lists(st.one_of(TEXT.filter(bool), odd, st.binary(min_size=1)), max_size=6)

    def case(words: Words, given: list[bytes], block: Words) -> Case:
        steps = [Step(0.0, "look")]
        for piece in given:
            steps += [Step(0.0, "input", what=piece), Step(0.05, "look")]
        return Case("readproctitle", words, environment=block, steps=(*steps, Step(0.0, "end")))

    return st.builds(case, TITLE_ARGUMENTS, pieces, ENVIRONMENT)


# multilog

PATTERN = st.lists(st.sampled_from(["a", "b", "*", " ", "line", "\xff", "@*"]), max_size=4).map(
    "".join
)
ACTION = st.one_of(
    st.tuples(st.sampled_from("+-"), PATTERN).map("".join),
    st.tuples(st.sampled_from("+-"), PATTERN).map("".join),
    st.sampled_from(
        ["t", "e", "e", "t1", "", "x", "s4096", "s5000", "s0", "s", "n2", "n", "n20", "+*"]
    ),
    st.sampled_from(["!cat", "!tr a z", "!"]),
    st.sampled_from(["=status", "=status", "=folder/status", "=nowhere/x", "="]),
    st.sampled_from(
        ["./log", "./log", "./log", "./other", "./log/", "./plain", "./nowhere/log", "."]
    ),
).map(lambda text: text.encode("latin-1"))
ACTIONS = st.one_of(
    st.lists(ACTION, max_size=8),
    st.lists(ACTION, max_size=6).map(lambda actions: [b"t", *actions, b"./log"]),
    st.lists(ACTION, max_size=6).map(lambda actions: [*actions, b"./log", b"./other"]),
).map(tuple)
OLD = b"@400000004a32392b0000000"
LOG_TREE = st.one_of(
    st.just(()),
    st.lists(
        st.one_of(
            st.sampled_from([0o644, 0o744, 0o600]).map(
                lambda mode: Node("file", b"log/current", b"before\n", mode)
            ),
            st.integers(100, 4200).map(
                lambda size: Node("file", b"log/current", b"before\n" * (size // 7), 0o644)
            ),
            st.sampled_from([b"log/state", b"log/newstate", b"log/lock", b"log/processed"]).map(
                lambda path: Node("file", path, b"x")
            ),
            st.tuples(st.integers(0, 9), st.sampled_from([b".s", b".u", b""])).map(
                lambda pair: Node("file", OLD + b"%d" % pair[0] + pair[1], b"old\n", 0o744)
            ),
            st.just(Node("dir", b"log/current", mode=0o755)),
        ),
        max_size=4,
    ).map(lambda nodes: tuple(n._replace(path=n.path.replace(OLD, b"log/" + OLD)) for n in nodes)),
)
LONG_LINE = st.tuples(
    st.sampled_from([b"a", b"b ", b"line", b"\0", b"\xff"]),
    st.one_of(st.sampled_from([998, 999, 1000, 1001, 1002]), st.integers(1, 6000)),
    st.sampled_from([b"\n", b"\n", b"z\n", b""]),
).map(lambda parts: (parts[0] * parts[1])[: parts[1]] + parts[2])
LINES = st.one_of(
    TEXT,
    TEXT,
    st.integers(1, 400).map(lambda n: b"a line of thirty characters...\n" * n),
    st.lists(st.one_of(LONG_LINE, TEXT), max_size=6).map(b"".join),
)


@st.composite
def multilog_case(draw: st.DrawFn) -> Case:
    """multilog with a script, directories in some state, and input from a file or in pieces."""
    tree = (Node("file", b"plain", b"x"), Node("dir", b"folder", mode=0o755), *draw(LOG_TREE))
    words, block = draw(ACTIONS), draw(ENVIRONMENT)
    if draw(st.integers(0, 5)):
        return Case("multilog", words, tree, block, draw(LINES), draw(STATE))
    steps: list[Step] = []
    for piece in draw(st.lists(LINES.filter(bool), min_size=1, max_size=2)):
        steps.append(Step(0.2, "input", what=piece))
        steps.append(Step(0.2, "signal", what=draw(st.sampled_from([b"14", b"15", b"1"]))))
    return Case("multilog", words, tree, block, steps=(*steps, Step(0.2, "end")))


# supervise: a service, a history of commands

NOTING = b"""#!/bin/sh
for name in HUP INT ALRM CONT; do trap "echo $name >>signals" $name; done
trap 'echo TERM >>signals; kill -9 $! $$' TERM
sleep 1000 &
while :; do wait; done
"""
RUN = st.sampled_from(
    [
        b"#!/bin/sh\nexec sleep 1000\n",
        b"#!/bin/sh\ntest -f again && exec sleep 1000\n: >again\nexit 3\n",
        b"#!/bin/sh\ntest -f again && exec sleep 1000\n: >again\nkill -9 $$\n",
        NOTING,
        b"#!/bin/sh\ntrap 'echo TERM >>signals' TERM\nsleep 1000 &\nwhile :; do wait; done\n",
        b"#!/bin/sh\ntrap '' TERM\nexec sleep 1000\n",
        b"#!/bin/sh\ntest -f again && exec sleep 1000\n: >again\nexit 111\n",
        b"#!/bin/sh\nexit 0\n",
    ]
)
RUN_NODE = st.one_of(
    *[RUN.map(lambda body: Node("file", b"s/run", body, 0o755))] * 12,
    st.just(Node("file", b"s/run", b"exit\n", 0o755)),
    st.just(Node("file", b"s/run", b"#!/bin/sh\n", 0o644)),
    st.just(Node("dir", b"s/run", mode=0o755)),
    st.just(Node("dir", b"s", mode=0o755)),
)
LETTER = st.one_of(
    st.sampled_from("udopchaitkx").map(str.encode),
    st.sampled_from([b"?", b"\xff", b"\0", b"\n", b"U", b"0"]),
)
LETTERS = st.one_of(
    LETTER,
    LETTER,
    st.sampled_from([b"dx", b"pc", b"tu", b"du", b"ud", b"xd", b"?d", b"od", b"pcpc", b"hai"]),
    st.lists(LETTER, max_size=3).map(b"".join).filter(bool),
)
AWAY = b"s/run.away"
HAPPENING = st.one_of(
    *[LETTERS.map(lambda letters: (Step(0.0, "control", b"s", letters),))] * 6,
    st.sampled_from([b"15", b"9", b"1", b"19", b"18"]).map(
        lambda number: (Step(0.0, "kill", b"", number),)
    ),
    st.sampled_from(
        [
            (Step(0.0, "make", b"s/down"),),
            (Step(0.0, "remove", b"s/down"),),
            (Step(0.0, "rename", b"s/run", AWAY),),
            (Step(0.0, "rename", AWAY, b"s/run"),),
            (Step(0.0, "mode", b"s/run", b"644"),),
            (Step(0.0, "mode", b"s/run", b"755"),),
            (Step(0.0, "remove", b"s/supervise/status"),),
            (Step(0.0, "dir", b"s/supervise/status.new"),),
            (Step(0.0, "rename", b"s", b"t"),),
            (Step(0.0, "signal", what=b"1"),),
            (Step(0.0, "signal", what=b"14"),),
            (Step(0.0, "signal", what=b"15"),),
            (Step(0.0, "signal", what=b"18"),),
        ]
    ),
)
MOST_HAPPENINGS = 8


@st.composite
def supervise_case(draw: st.DrawFn) -> Case:
    """supervise with a call that it refuses, or with a service and its history."""
    tree = [draw(RUN_NODE)]
    if draw(st.sampled_from([True, False, False])):
        tree.append(Node("file", b"s/down"))
    if not draw(st.integers(0, 3)):
        odd = [
            b"s/supervise",
            b"s/supervise/lock",
            b"s/supervise/status.new",
            b"s/supervise/control",
        ]
        kind = draw(st.sampled_from(["file", "dir"]))
        tree.append(Node(kind, draw(st.sampled_from(odd)), mode=0o755))
    words = draw(
        st.sampled_from(
            [(b"s",)] * 12 + [(b"s/",), (b"./s",), (b"s", b"x"), (), (b"",), (b"nowhere",)]
        )
    )
    held = (("lock", b"s/supervise/lock"),) if not draw(st.integers(0, 14)) else ()
    steps: list[Step] = [Step(1.5, "look")]
    if words and words[0].strip(b"./") == b"s":
        count = draw(st.integers(0, MOST_HAPPENINGS))
        for acts in draw(st.lists(HAPPENING, min_size=count, max_size=count)):
            steps += [*acts, Step(1.5, "look")]
    return Case("supervise", words, tuple(tree), draw(ENVIRONMENT), held=held, steps=tuple(steps))


# svscan: a stand-in for supervise notes how it is called

STAND_IN = b"""#!/bin/bash
kind() { if test -p /proc/$$/fd/$1; then echo pipe; else echo other; fi; }
echo "${PWD##*/}: $* $# $(kind 0) $(kind 1)" >>"$LOG"
exec -a "supervise $1 in ${PWD##*/}" sleep 1000
"""
ENTRY_NODE = st.one_of(
    st.sampled_from([b"a", b"b", b"\xff", b"x y", b"-z", b".dot", b"n" * 200]).map(
        lambda name: (Node("dir", b"service/" + name, mode=0o755),)
    ),
    st.sampled_from([b"c", b"d"]).map(
        lambda name: (Node("dir", b"service/" + name + b"/log", mode=0o755),)
    ),
    st.sampled_from([b"e"]).map(lambda name: (Node("file", b"service/" + name + b"/log"),)),
    st.sampled_from([b"file", b".file"]).map(lambda name: (Node("file", b"service/" + name),)),
    st.tuples(
        st.sampled_from([b"l", b"m"]), st.sampled_from([b"a", b"c", b"nowhere", b"../other"])
    ).map(lambda pair: (Node("link", b"service/" + pair[0], pair[1]),)),
)


NEXT_SCAN = 6.0  # seconds; svscan looks every five

ADDED = st.sampled_from([b"new", b"newer"]).flatmap(
    lambda one: st.sampled_from([b"", b"/log"]).map(
        lambda log: (
            Step(0.0, "dir", b"other/" + one + log),
            Step(0.0, "rename", b"other/" + one, b"service/" + one),
        )
    )
)
LINKED = st.sampled_from([b"a", b"c", b"nowhere", b"../other"]).map(
    lambda target: (Step(0.0, "link", b"service/l", target),)
)
AROUND = st.sampled_from(
    [
        (Step(0.0, "mode", b"service", b"0"),),
        (Step(0.0, "mode", b"service", b"755"),),
        (Step(0.0, "mode", b"stub/supervise", b"644"),),
        (Step(0.0, "mode", b"stub/supervise", b"755"),),
        (Step(0.0, "kill", b"supervise log in", b"9"),),
        (Step(0.0, "make", b"service/file"),),
        (Step(0.0, "signal", what=b"1"),),
        (Step(0.0, "signal", what=b"14"),),
    ]
)


def svscan_changes(names: list[bytes]) -> Strategy[tuple[Step, ...]]:
    """What may happen between two scans."""
    name = st.sampled_from([*names, b"a", b"new"])
    service = name.map(lambda one: b"service/" + one)

    def killed(one: bytes, number: bytes = b"9") -> Step:
        return Step(0.0, "kill", b"supervise " + one.removeprefix(b"service/") + b" in", number)

    return st.one_of(
        ADDED,
        ADDED,
        service.map(lambda one: (Step(0.0, "rename", one, b"gone"),)),
        service.map(lambda one: (Step(0.0, "rename", one, b"service/renamed"),)),
        service.map(lambda one: (Step(0.0, "mode", one, b"0"),)),
        service.map(lambda one: (Step(0.0, "mode", one, b"755"),)),
        service.map(lambda one: (Step(0.0, "dir", one + b"/log"),)),
        service.map(lambda one: (Step(0.0, "rename", one + b"/log", b"gone"),)),
        st.tuples(service, st.sampled_from([b"9", b"15"])).map(lambda pair: (killed(*pair),)),
        service.map(lambda one: (Step(0.0, "rename", one, b"gone"), killed(one))),
        service.map(lambda one: (Step(0.0, "rename", one, b"service/renamed"), killed(one))),
        LINKED,
        AROUND,
    )


@st.composite
def svscan_case(draw: st.DrawFn) -> Case:
    """svscan on a directory of services that changes between its scans."""
    entries = draw(st.lists(ENTRY_NODE, max_size=5))
    tree = (
        Node("dir", b"service", mode=0o755),
        Node("dir", b"other", mode=0o755),
        Node("file", b"plain"),
        Node("file", b"log", mode=0o666),
        Node("file", b"stub/supervise", STAND_IN, draw(st.sampled_from([0o755] * 6 + [0o644]))),
        *(node for nodes in entries for node in nodes),
    )
    words = draw(
        st.sampled_from(
            [(b"service",)] * 12
            + [(b"service", b"x"), (b"nowhere",), (b"plain",), (b"",), (b"-x",)]
        )
    )
    block = (b"PATH={box}/stub:/usr/bin:/bin", b"LOG={box}/log", *draw(st.lists(ENTRY, max_size=3)))
    steps = [Step(1.0, "look")]
    if words[0] == b"service":
        names = sorted({nodes[0].path.split(b"/")[1] for nodes in entries})
        for _ in range(draw(st.integers(0, 2))):
            for acts in draw(st.lists(svscan_changes(names), min_size=1, max_size=2)):
                steps += acts
            steps.append(Step(NEXT_SCAN, "look"))
    user = (b"--user", b"65534:65534") if os.geteuid() == 0 and not draw(st.integers(0, 3)) else ()
    return Case("svscan", words, tree, block, state=user, steps=tuple(steps))


# svscanboot: the whole tree

WAITING = b"#!/bin/sh\nexec sleep 1000\n"
BOOTED = st.one_of(
    st.sampled_from([b"one\\n", b"\\377\\001x", b"a%s" % (b"b" * 300)]).map(
        lambda said: (
            Node(
                "file",
                b"service/s/run",
                b"#!/bin/sh\nprintf '" + said + b"' >&2\n" + WAITING[10:],
                0o755,
            ),
        )
    ),
    st.lists(st.sampled_from([b"a", b"b", b"\xff", b"x y"]), max_size=3, unique=True).map(
        lambda names: tuple(Node("file", b"service/" + n + b"/run", WAITING, 0o755) for n in names)
    ),
    st.just(
        (
            Node("file", b"service/s/run", WAITING, 0o755),
            Node("file", b"service/s/down"),
            Node("file", b"service/s/log/run", b"#!/bin/sh\nexec multilog t ./main\n", 0o755),
        )
    ),
    st.just((Node("link", b"service/s", b"nowhere"),)),
    st.just((Node("file", b"service/s/run", b"exit\n", 0o755),)),
    st.just(()),
    st.just((Node("file", b"service/s/run", WAITING, 0o755),)),
    st.just((Node("dir", b"service/s", mode=0o755),)),
    st.just(
        (Node("file", b"service/s/down"), Node("file", b"service/s/run", b"#!/bin/sh\n", 0o755))
    ),
    st.just(
        (
            Node("file", b"service/s/run", WAITING, 0o755),
            Node("file", b"service/s/log/run", b"#!/bin/sh\nexec cat\n", 0o755),
        )
    ),
    st.just((Node("file", b"service/file"), Node("dir", b"service/.dot", mode=0o755))),
)


def svscanboot_case() -> Strategy[Case]:
    """svscanboot in its own namespaces."""
    state = st.one_of(
        st.just(()),
        st.lists(option("--close", "0", "1", "2"), max_size=2, unique=True).map(
            lambda o: sum(o, ())
        ),
        option("--umask", "0", "77"),
        option("--open", "5", "7"),
        option("--nice", "3"),
    )
    return st.builds(
        lambda tree, block, words: Case(
            "svscanboot",
            (),
            (Node("dir", b"service", mode=0o755), *tree),
            block,
            b"",
            words,
            steps=(Step(0.0, "await", what=b"readproctitle"), Step(2.0, "look")),
        ),
        BOOTED,
        ENVIRONMENT.map(lambda block: tuple(e for e in block if not e.startswith(b"PYTHON"))),
        state,
    )
