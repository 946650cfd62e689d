"""Cases for each program: hypothesis strategies, from the likely to the odd.

`CASES[program]` is the strategy. A good case runs into something: names that
exist more often than not, contents that matter to the program, and now and then
a state that nobody expects.
"""

import os
import pwd
from collections.abc import Callable

from hypothesis import strategies as st

from daemontools_conformance.differential.case import Case, Node, Step

Words = tuple[bytes, ...]
Strategy = st.SearchStrategy

PATH = b"PATH=/usr/bin:/bin"
PROBE = (b"/bin/sleep", b"1000")

# Words for arguments, names and values

ODD_WORD = st.one_of(
    st.sampled_from(
        [b"", b"-", b"--", b"-x", b"\xff\xfe", b"a b", b"\n", b"=", b"a=b", b".", b"/"]
    ),
    st.binary(max_size=8).map(lambda data: data.replace(b"\0", b"")),
)
NAME = st.sampled_from(
    [b"a", b"b", b"A", b"PATH", b"E=F", b"=", b"x y", b"\xff", b"UID", b".d", b"-n"]
)
ENTRY = st.one_of(
    st.tuples(
        st.sampled_from([b"A", b"B", b"E", b"UID", b"GID", b"PATH", b"LC_CTYPE", b"LC_ALL", b"TZ"]),
        st.sampled_from([b"", b"1", b"C", b"xx", b"/bin", b"\xff"]),
    ).map(b"=".join),
    st.sampled_from(
        [b"PYTHONHOME=/x", b"PYTHONINSPECT=1", b"PYTHONPATH=/x", b"LD_X=1", b"A", b"", b"="]
    ),
    st.binary(max_size=6).map(lambda data: data.replace(b"\0", b"")),
)
ENVIRONMENT = st.one_of(
    st.just((PATH,)),
    st.lists(ENTRY, max_size=6).map(lambda entries: (PATH, *entries)),
    st.lists(ENTRY, max_size=4).map(tuple),
    st.sampled_from([b"PATH=", b"PATH=:", b"PATH=/nowhere:/bin", b"PATH=box:bin"]).map(
        lambda e: (e,)
    ),
)


def option(name: str, *values: str | bytes) -> Strategy[Words]:
    """One option of prepare.py with one of these values."""
    return st.sampled_from([(name.encode(), os.fsencode(value)) for value in values])


# Never two that hinder one another: a user that may not read, say, and a closed folder.
STATE = st.one_of(
    st.just(()),
    st.lists(
        st.one_of(
            option("--umask", "0", "77", "277", "777"),
            option("--block", "TERM", "CHLD", "INT", "ALRM", "40"),
            option("--ignore", "HUP", "INT", "TERM", "CHLD", "USR1", "PIPE", "XFSZ"),
            option("--open", "3", "5", "7", "30"),
            option("--nice", "1", "5"),
            option("--limit", "NOFILE=6", "NOFILE=20", "FSIZE=0", "FSIZE=20", "CORE=0"),
            option("--limit", "STACK=300000", "MEMLOCK=0", "DATA=300000000", "AS=900000000"),
            option("--close", "0", "1", "2"),
        ),
        max_size=3,
        unique_by=lambda words: words[:1] if words[0] == b"--close" else words,
    ).map(lambda options: tuple(word for words in options for word in words)),
    option("--user", "65534:65534") if os.geteuid() == 0 else st.just(()),
)

# What chain programs run

FILES = (
    Node("file", b"script", b"#!/bin/sh\nexit 5\n", 0o755),
    Node("file", b"no-interpreter", b"exit 5\n", 0o755),
    Node("file", b"bad-interpreter", b"#!/nowhere/sh\n", 0o755),
    Node("file", b"plain", b"x", 0o644),
    Node("dir", b"folder", mode=0o755),
    Node("link", b"dangling", b"nowhere"),
    Node("link", b"loop", b"loop"),
    Node("dir", b"closed", mode=0o700),
)
CHILD: Strategy[Words] = st.one_of(
    st.just(PROBE),
    st.just(PROBE),
    st.sampled_from(
        [
            (b"sleep", b"1000"),
            (b"sh", b"-c", b"exit 7"),
            (b"sh", b"-c", b"kill -9 $$"),
            (b"printf", b"%s|", b"-x", b"", b"\xff"),
            (b"env",),
            (b"/usr/bin/env",),
            (b"id",),
            (b"pwd",),
            (b"true",),
        ]
    ),
    st.sampled_from(
        [
            (b"./script",),
            (b"script",),
            (b"./no-interpreter",),
            (b"./bad-interpreter",),
            (b"./plain",),
            (b"./folder",),
            (b"plain/x",),
            (b"./dangling",),
            (b"./loop",),
            (b"closed/x",),
            (b"nosuch",),
            (b"",),
            (b".",),
            (b"/",),
            (b"n" * 300,),
            (b"\xff",),
        ]
    ),
    st.tuples(ODD_WORD),
)


def chained(child: Strategy[Words]) -> Strategy[Words]:
    """A child that is perhaps a chain program of the implementation itself."""
    links = st.sampled_from(
        [
            (b"../bin/envdir", b"env"),
            (b"../bin/setlock", b"chain-lock"),
            (b"../bin/setlock", b"-n", b"chain-lock"),
            (b"../bin/softlimit", b"-o", b"30"),
            (b"../bin/softlimit", b"-c", b"0", b"-f", b"50"),
            (b"../bin/softlimit", b"-m", b"200000000"),
            (b"../bin/softlimit", b"-m", b"4000000"),
            (b"../bin/envuidgid", b"nobody"),
            (b"../bin/setuidgid", b"nobody"),
            (b"../bin/setuidgid", b"nosuch"),
            (b"../bin/softlimit", b"-z"),
            (b"../bin/pgrphack",),
            (b"../bin/envdir",),
        ]
    )
    longer = st.lists(links, min_size=1, max_size=3)
    chain = st.tuples(longer, child).map(lambda pair: sum(pair[0], ()) + pair[1])
    return st.one_of(child, child, chain)


@st.composite
def chain_case(
    draw: st.DrawFn, program: str, arguments: Strategy[Words], tree: Strategy[tuple[Node, ...]]
) -> Case:
    """A chain program: its own arguments and files, a child, a state."""
    words = draw(arguments)
    child = draw(st.one_of(chained(CHILD), chained(CHILD), chained(CHILD), st.just(())))
    files = draw(tree)
    files = (*_named_in((*words, *child, *(node.content for node in files))), *files)
    return Case(program, words + child, files, draw(ENVIRONMENT), state=draw(STATE))


def _named_in(words: Words) -> tuple[Node, ...]:
    """Those of FILES that the words speak of: a report shows no more than it needs."""
    return tuple(node for node in FILES if any(node.path in word for word in words))


NO_FILES: Strategy[tuple[Node, ...]] = st.just(())
CONTENT = st.one_of(
    st.lists(st.sampled_from(b"ab \t\n\0\r=\xff")).map(bytes),
    st.sampled_from(
        [b"", b"\n", b"x\n", b"x y \t\ncomment\n", b"/bin", b"a" * 5000, b"a" * 140000]
    ),
)
ENV_FILE = st.one_of(
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, st.sampled_from([b"nowhere", b"../plain", b"../loop", b"../plain/x"])).map(
        lambda pair: Node("link", b"env/" + pair[0], pair[1])
    ),
    NAME.map(lambda name: Node("fifo", b"env/" + name)),
    NAME.map(lambda name: Node("dir", b"env/" + name, mode=0o755)),
    NAME.map(lambda name: Node("file", b"env/" + name, b"x", 0o600)),
)
ENV_TREE = st.tuples(
    st.sampled_from([0o755, 0o755, 0o755, 0o711, 0o700]), st.lists(ENV_FILE, max_size=5)
).map(lambda pair: (Node("dir", b"env", mode=pair[0]), *pair[1]))

ACCOUNT = st.one_of(
    st.sampled_from([os.fsencode(entry.pw_name) for entry in pwd.getpwall()]),
    st.sampled_from([b"nobody", b"nobody", b"root", b"daemon", b"nosuch", b"0", b"65534", b""]),
    ODD_WORD,
)
AMOUNT = st.one_of(
    st.sampled_from([b"=", b"0", b"", b"-1", b"x", b"5k", b" 5", b"010", b"18446744073709551616"]),
    st.sampled_from([b"10", b"50", b"4096", b"100000", b"10000000", b"300000000", b"9" * 30]),
    st.integers(0, 2**66).map(lambda number: b"%d" % number),
    st.integers(0, 2000000).map(lambda number: b"%d" % number),
)
LIMIT_OPTION = st.one_of(
    st.tuples(st.sampled_from(b"acdflmoprst"), AMOUNT).map(
        lambda pair: (b"-%c" % pair[0], pair[1])
    ),
    st.tuples(st.sampled_from(b"acdflmoprst"), AMOUNT).map(
        lambda pair: (b"-%c%s" % (pair[0], pair[1] or b"0"),)
    ),
    st.sampled_from([(b"--",), (b"-",), (b"-z",), (b"-o",), (b"-\xff",), (b"-c0z",)]),
)
LIMIT_OPTIONS = st.lists(LIMIT_OPTION, max_size=3).map(lambda options: sum(options, ()))
LOCK_OPTIONS = st.lists(
    st.one_of(
        st.text("nNxX", min_size=1, max_size=4).map(lambda text: b"-" + text.encode()),
        st.sampled_from([b"-n", b"-nx", b"--", b"-z", b"-nz"]),
    ),
    max_size=2,
).map(tuple)
LOCK_FILE = st.sampled_from(
    [
        b"lock",
        b"lock",
        b"held",
        b"held",
        b"plain",
        b"folder",
        b"fifo",
        b"dangling",
        b"loop",
        b"",
        b"nowhere/l",
        b"plain/l",
        b"closed/l",
        b"/dev/null",
        b"\xff",
        b"readable",
    ]
)
LOCK_TREE = (
    Node("file", b"held"),
    Node("fifo", b"fifo"),
    Node("file", b"readable", b"content", 0o444),
)


def setlock_case() -> Strategy[Case]:
    """setlock, and a file `held` on which the suite has a lock."""
    words = st.tuples(LOCK_OPTIONS, LOCK_FILE).map(lambda pair: (*pair[0], pair[1]))
    cases = chain_case("setlock", words, st.just(LOCK_TREE))
    held = (("lock", b"held"),)
    return cases.map(
        lambda c: Case(c.program, c.arguments, c.tree, c.environment, b"", c.state, held)
    )


def account_case(program: str) -> Strategy[Case]:
    """setuidgid, envuidgid."""
    return chain_case(program, st.tuples(ACCOUNT), NO_FILES)


# Services that are made by hand: svok, svstat, svc

STAMP = st.one_of(
    st.integers(0, 400000000).map(lambda seconds: 2**62 + 1400000000 + seconds),
    st.sampled_from([0, 1, 2**62, 2**62 + 10, 2**63, 2**64 - 1, 2**62 + 4000000000]),
).map(lambda number: number.to_bytes(8, "big"))
STATUS = st.one_of(
    st.builds(
        lambda stamp, nano, pid, paused, want, rest: stamp + nano + pid + paused + want + rest,
        STAMP,
        st.sampled_from([b"\0\0\0\0", b"\x3b\x9a\xc9\xff", b"\xff\xff\xff\xff"]),
        st.sampled_from(
            [b"\0\0\0\0", b"\x05\0\0\0", b"\x39\x30\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80"]
        ),
        st.sampled_from([b"\0", b"\x01", b"\x02", b"1"]),
        st.sampled_from([b"u", b"d", b"\0", b"o", b"x"]),
        st.sampled_from([b"", b"", b"", b"\0\0", b"more" * 10]),
    ),
    st.binary(max_size=20),
)
SERVICE_NAME = st.sampled_from([b"s", b"s", b"t", b"dir/u", b"\xff x", b"-v"])


@st.composite
def service(draw: st.DrawFn) -> tuple[tuple[Node, ...], tuple[tuple[str, bytes], ...]]:
    """A directory with what supervise would keep there, in good order or not; and who reads."""
    name = draw(SERVICE_NAME)
    nodes = [Node("dir", name, mode=draw(st.sampled_from([0o755, 0o755, 0o700])))]
    held = []
    inside = draw(st.sampled_from(["good", "good", "good", "none", "file", "odd", "closed"]))
    folder = name + b"/supervise"
    if inside == "file":
        nodes.append(Node("file", folder))
    if inside in ("good", "odd", "closed"):
        nodes.append(Node("dir", folder, mode=0o700 if inside == "closed" else 0o755))
        for fifo in (b"/ok", b"/control"):
            kind = (
                "fifo"
                if inside != "odd"
                else draw(st.sampled_from(["file", "dir", "link", "fifo"]))
            )
            nodes.append(
                Node(kind, folder + fifo, b"nowhere", draw(st.sampled_from([0o600, 0o622])))
            )
            if kind == "fifo" and draw(st.sampled_from([True, True, False])):
                held.append(("read", folder + fifo))
        if draw(st.sampled_from([True, True, True, False])):
            mode = draw(st.sampled_from([0o644, 0o644, 0o600]))
            nodes.append(Node("file", folder + b"/status", draw(STATUS), mode))
    if draw(st.booleans()):
        nodes.append(
            Node(draw(st.sampled_from(["file", "dir", "link"])), name + b"/down", b"nowhere")
        )
    return tuple(nodes), tuple(held)


@st.composite
def services_case(draw: st.DrawFn, program: str, options: Strategy[Words]) -> Case:
    """svok, svstat or svc on some directories, which exist or do not."""
    made = draw(st.lists(service(), min_size=1, max_size=3, unique_by=lambda pair: pair[0][0].path))
    existing = st.sampled_from([nodes[0].path for nodes, _ in made])
    operand = st.one_of(
        existing, existing, existing, st.sampled_from([b"nowhere", b"plain", b""]), ODD_WORD
    )
    operands = draw(st.lists(operand, max_size=4))
    return Case(
        program,
        (*draw(options), *operands),
        (Node("file", b"plain"), *(node for nodes, _ in made for node in nodes)),
        draw(ENVIRONMENT),
        state=draw(STATE),
        held=tuple(end for _, held in made for end in held),
    )


SVC_OPTIONS = st.lists(
    st.one_of(
        st.text("udopchaitkx", min_size=1, max_size=5).map(lambda text: b"-" + text.encode()),
        st.text("udopchaitkx", min_size=1, max_size=1).map(lambda text: b"-" + text.encode()),
        st.sampled_from([b"--", b"-z", b"-1", b"-uz", b"-", b"-\xff", b"-" + b"udopchaitkx" * 3]),
    ),
    max_size=3,
).map(tuple)

# Line filters

LABEL = st.one_of(
    st.integers(0, 2**35).map(lambda n: b"@%016x%08x" % (2**62 + n, n % 10**9)),
    st.integers(-(2**40), 2**50).map(lambda n: b"@%016x%08x" % (2**62 + n, abs(n) % 2**32)),
    st.text("0123456789abcdef", max_size=12).map(
        lambda text: b"@%016x%08x" % (2**62 + 1000, 5) + text.encode()
    ),
    st.text("0123456789abcdef", min_size=15, max_size=16).map(
        lambda text: b"@40000000" + text.encode()
    ),
)
LINE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"", b"line", b"a b c", b"\0", b"x" * 300, b"\xff\xfe"]),
)
TEXT = st.lists(
    st.tuples(LINE, st.sampled_from([b"\n", b"\n", b"\n", b"", b"\n\n"])).map(b"".join), max_size=8
).map(b"".join)
LABELLED = st.lists(
    st.tuples(
        st.one_of(LABEL, LABEL, st.just(b"")),
        st.sampled_from([b" ", b"", b"x"]),
        LINE,
        st.sampled_from([b"\n", b"\n", b"\n", b""]),
    ).map(b"".join),
    max_size=8,
).map(b"".join)
ZONE = st.sampled_from(
    [
        b"TZ=UTC",
        b"TZ=America/New_York",
        b"TZ=Asia/Kolkata",
        b"TZ=",
        b"TZ=EST5EDT",
        b"TZ=<+0545>-5:45",
        b"TZ=:Europe/Berlin",
        b"TZ=nonsense",
        b"TZ=../x",
        b"A=1",
    ]
)


def filter_case(program: str, text: Strategy[bytes]) -> Strategy[Case]:
    """tai64n and tai64nlocal: input to output."""
    arguments = st.lists(ODD_WORD, max_size=2).map(tuple)
    environment = st.one_of(ENVIRONMENT, st.tuples(st.just(PATH), ZONE))
    return st.builds(
        lambda words, block, given, state: Case(program, words, (), block, given, state),
        arguments,
        environment,
        text,
        STATE,
    )


# The others

FGHACK_CHILD: Strategy[Words] = st.one_of(
    CHILD,
    st.sampled_from(
        [
            (b"sh", b"-c", b"sleep 0.05 & exit 3"),
            (b"sh", b"-c", b"echo x >&4; exit 4"),
            (b"sh", b"-c", b"exec 3>&-; (sleep 0.05; echo late) & exit 0"),
            (b"sh", b"-c", b"kill -15 $$"),
            (b"sh", b"-c", b"(kill -9 $$)"),
        ]
    ),
    st.integers(0, 255).map(lambda code: (b"sh", b"-c", b"exit %d" % code)),
)
TITLE_ARGUMENTS = st.lists(
    st.one_of(st.sampled_from([b"service", b"errors:", b"." * 20, b"." * 100, b"."]), ODD_WORD),
    max_size=4,
).map(tuple)


def readproctitle_case() -> Strategy[Case]:
    """readproctitle: what it shows after each piece of input."""
    pieces = st.lists(TEXT.filter(bool), max_size=3)

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
    st.lists(ACTION, max_size=5),
    st.lists(ACTION, max_size=3).map(lambda actions: [b"t", *actions, b"./log"]),
    st.lists(ACTION, max_size=3).map(lambda actions: [*actions, b"./log", b"./other"]),
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
LINES = st.one_of(
    TEXT, TEXT, st.integers(1, 120).map(lambda n: b"a line of thirty characters...\n" * n)
)


@st.composite
def multilog_case(draw: st.DrawFn) -> Case:
    """multilog: a script, directories in some order, and input from a file or in pieces."""
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
        b"#!/bin/sh\nexit 0\n",
    ]
)
RUN_NODE = st.one_of(
    *[RUN.map(lambda body: Node("file", b"s/run", body, 0o755))] * 6,
    st.just(Node("file", b"s/run", b"exit\n", 0o755)),
    st.just(Node("file", b"s/run", b"#!/bin/sh\n", 0o644)),
    st.just(Node("dir", b"s/run", mode=0o755)),
    st.just(Node("dir", b"s", mode=0o755)),
)
LETTERS = st.one_of(
    st.sampled_from(
        [b"d", b"u", b"o", b"x", b"t", b"k", b"dx", b"p", b"c", b"pc", b"tu", b"du", b"h", b"i"]
    ),
    st.text("udopchaitkx", min_size=1, max_size=3).map(str.encode),
)


@st.composite
def supervise_case(draw: st.DrawFn) -> Case:
    """supervise: what it says at once, or a service and some commands."""
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
            [(b"s",)] * 8 + [(b"s/",), (b"./s",), (b"s", b"x"), (), (b"",), (b"nowhere",)]
        )
    )
    held = (("lock", b"s/supervise/lock"),) if not draw(st.integers(0, 9)) else ()
    steps: list[Step] = []
    if words and words[0].strip(b"./") == b"s":
        for letters in draw(st.lists(LETTERS, max_size=3)):
            steps += [Step(1.5, "control", b"s", letters), Step(1.5, "look")]
    steps.append(Step(1.5, "look"))
    return Case("supervise", words, tuple(tree), draw(ENVIRONMENT), held=held, steps=tuple(steps))


# svscan: a stand-in for supervise notes how it is called

STAND_IN = b"""#!/bin/sh
kind() { if test -p /proc/$$/fd/$1; then echo pipe; else echo other; fi; }
echo "${PWD##*/}: $* $# $(kind 0) $(kind 1)" >>"$LOG"
exec sleep 1000
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


@st.composite
def svscan_case(draw: st.DrawFn) -> Case:
    """svscan: a directory of services, looked at once."""
    entries = draw(st.lists(ENTRY_NODE, max_size=5))
    tree = (
        Node("dir", b"service", mode=0o755),
        Node("dir", b"other", mode=0o755),
        Node("file", b"plain"),
        Node("file", b"stub/supervise", STAND_IN, draw(st.sampled_from([0o755] * 6 + [0o644]))),
        *(node for nodes in entries for node in nodes),
    )
    words = draw(
        st.sampled_from(
            [(b"service",)] * 8 + [(b"service", b"x"), (b"nowhere",), (b"plain",), (b"",), (b"-x",)]
        )
    )
    block = (b"PATH={box}/stub:/usr/bin:/bin", b"LOG={box}/log", *draw(st.lists(ENTRY, max_size=3)))
    return Case("svscan", words, tree, block, steps=(Step(1.0, "look"),))


# svscanboot: the whole tree

BOOTED = st.one_of(
    st.just(()),
    st.just((Node("file", b"service/s/run", b"#!/bin/sh\nexec sleep 1000\n", 0o755),)),
    st.just((Node("dir", b"service/s", mode=0o755),)),
    st.just(
        (Node("file", b"service/s/down"), Node("file", b"service/s/run", b"#!/bin/sh\n", 0o755))
    ),
    st.just(
        (
            Node("file", b"service/s/run", b"#!/bin/sh\nexec sleep 1000\n", 0o755),
            Node("file", b"service/s/log/run", b"#!/bin/sh\nexec cat\n", 0o755),
        )
    ),
    st.just((Node("file", b"service/file"), Node("dir", b"service/.dot", mode=0o755))),
)


def svscanboot_case() -> Strategy[Case]:
    """svscanboot in namespaces of its own."""
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


CASES: dict[str, Callable[[], Strategy[Case]]] = {
    "envdir": lambda: chain_case(
        "envdir",
        st.sampled_from(
            [(b"env",)] * 8 + [(b"nowhere",), (b"plain",), (b"",), (b"closed",), (b".",)]
        ),
        ENV_TREE,
    ),
    "setuidgid": lambda: account_case("setuidgid"),
    "envuidgid": lambda: account_case("envuidgid"),
    "softlimit": lambda: chain_case("softlimit", LIMIT_OPTIONS, ENV_TREE),
    "setlock": setlock_case,
    "pgrphack": lambda: chain_case("pgrphack", st.just(()), ENV_TREE),
    "fghack": lambda: st.builds(
        lambda child, block, state: Case("fghack", child, _named_in(child), block, state=state),
        st.one_of(FGHACK_CHILD, chained(CHILD)),
        ENVIRONMENT,
        STATE,
    ),
    "svok": lambda: services_case("svok", st.just(())),
    "svstat": lambda: services_case("svstat", st.just(())),
    "svc": lambda: services_case("svc", SVC_OPTIONS),
    "tai64n": lambda: filter_case("tai64n", TEXT),
    "tai64nlocal": lambda: filter_case("tai64nlocal", LABELLED),
    "readproctitle": readproctitle_case,
    "multilog": multilog_case,
    "supervise": supervise_case,
    "svscan": svscan_case,
    "svscanboot": svscanboot_case,
}
