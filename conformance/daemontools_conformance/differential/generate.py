"""Cases for each program: hypothesis strategies, from the likely to the odd.

`CASES[program]` is the strategy. A good case finds something to work on: names that
usually exist, contents that matter to the program, and now and then an unexpected
state.
"""

import os
import pwd
from collections.abc import Callable

from hypothesis import strategies as st

from daemontools_conformance.differential import histories
from daemontools_conformance.differential.case import Case, Node, Step
from daemontools_conformance.differential.values import (
    CHILD,
    ENVIRONMENT,
    LINE,
    NAME,
    ODD_WORD,
    PATH,
    SEARCHED,
    STATE,
    TEXT,
    Strategy,
    Words,
    chained,
    named_in,
)

CHAINED = st.one_of(chained(CHILD), chained(CHILD), chained(CHILD), st.just(()))


@st.composite
def chain_case(
    draw: st.DrawFn,
    program: str,
    arguments: Strategy[Words],
    tree: Strategy[tuple[Node, ...]],
    children: Strategy[Words] = CHAINED,
) -> Case:
    """A chain program: its own arguments and files, a child, a state."""
    words = draw(arguments)
    child = draw(children)
    files = draw(tree)
    files = (*named_in((*words, *child, *(node.content for node in files))), *files)
    block = draw(ENVIRONMENT)
    if b"tool" in child:
        block = (draw(SEARCHED), *(entry for entry in block if not entry.startswith(b"PATH=")))
    return Case(program, words + child, files, block, state=draw(STATE))


CONTENT = st.one_of(
    st.lists(st.sampled_from(b"ab \t\n\0\r=\xff")).map(bytes),
    st.sampled_from(
        [b"", b"\n", b"x\n", b"x y \t\ncomment\n", b"/bin", b"a" * 5000, b"a" * 140000]
    ),
)
ODD_NAME = st.one_of(
    st.binary(min_size=1, max_size=6).map(lambda name: name.translate(None, b"\0/") or b"x"),
    st.sampled_from([b"n" * 255, b"...", b"A=", b"=A", b"\n", b"LD_X", b"PYTHONHOME", b"LC_ALL"]),
)
ENV_FILE = st.one_of(
    st.tuples(ODD_NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, CONTENT).map(lambda pair: Node("file", b"env/" + pair[0], pair[1])),
    st.tuples(NAME, st.sampled_from([b"nowhere", b"../plain", b"../loop", b"../plain/x"])).map(
        lambda pair: Node("link", b"env/" + pair[0], pair[1])
    ),
    NAME.map(lambda name: Node("fifo", b"env/" + name)),
    NAME.map(lambda name: Node("dir", b"env/" + name, mode=0o755)),
    NAME.map(lambda name: Node("file", b"env/" + name, b"x", 0o600)),
    # Two of these exceed what the kernel takes under a small stack; one of the longer always does.
    st.tuples(NAME, st.sampled_from([70000, 131068, 131072])).map(
        lambda pair: Node("file", b"env/" + pair[0], b"x" * pair[1])
    ),
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
LIMIT_OPTIONS = st.lists(LIMIT_OPTION, max_size=6).map(lambda options: sum(options, ()))
# The limits under which an interpreter can live. Chains behind tighter limits are not compared.
ROOMY = st.tuples(
    st.sampled_from(b"acdflmoprst"), st.sampled_from([b"=", b"8000000", b"300000000", b"9" * 19])
).map(lambda pair: (b"-%c" % pair[0], pair[1]))
ROOMY_OPTIONS = st.lists(ROOMY, max_size=6).map(lambda options: sum(options, ()))


def softlimit_case() -> Strategy[Case]:
    """softlimit with all its options before a child, or with generous ones before a chain."""
    return st.one_of(
        chain_case("softlimit", LIMIT_OPTIONS, ENV_TREE, st.one_of(CHILD, CHILD, st.just(()))),
        chain_case("softlimit", LIMIT_OPTIONS, ENV_TREE, CHILD),
        chain_case("softlimit", ROOMY_OPTIONS, ENV_TREE),
    )


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


WAITERS = st.lists(
    st.sampled_from([b"", b" -n", b" -x", b" -nx", b" -Nn", b" -nN", b" -nXx"]),
    min_size=1,
    max_size=4,
)


def waiting_case() -> Strategy[Case]:
    """Several setlocks that all want `held`, until the suite releases it."""

    def case(options: list[bytes], child: Words, block: Words) -> Case:
        others = [b"../bin/setlock%s held echo got &" % option for option in options]
        script = b"exec 2>&1; %s wait" % b" ".join(others)
        words = (b"held", *child) if len(options) == 1 else (b"free", b"sh", b"-c", script)
        steps = (Step(0.2, "look"), Step(0.0, "release"), Step(0.2, "look"))
        held = (("lock", b"held"),)
        files = (*named_in(words), *LOCK_TREE)
        return Case("setlock", words, files, block, held=held, steps=steps)

    return st.builds(case, WAITERS, CHILD, ENVIRONMENT)


def setlock_case() -> Strategy[Case]:
    """setlock, with a file `held` that the suite has locked."""
    words = st.tuples(LOCK_OPTIONS, LOCK_FILE).map(lambda pair: (*pair[0], pair[1]))
    cases = chain_case("setlock", words, st.just(LOCK_TREE))
    held = (("lock", b"held"),)
    once = cases.map(
        lambda c: Case(c.program, c.arguments, c.tree, c.environment, b"", c.state, held)
    )
    return st.integers(0, 19).flatmap(lambda n: once if n else waiting_case())


def account_case(program: str) -> Strategy[Case]:
    """setuidgid and envuidgid."""
    return chain_case(program, st.tuples(ACCOUNT), ENV_TREE)


# svok, svstat, svc, with services made by hand

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
    """A service directory with supervise's files, in good order or not, and perhaps a reader."""
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
    """svok, svstat or svc on some directories, not all of which exist."""
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

# One hexadecimal digit more or less makes a date that no calendar has, which kills 0.76.
LABEL = st.one_of(
    st.integers(0, 2**35).map(lambda n: b"@%016x%08x" % (2**62 + n, n % 10**9)),
    st.integers(-(2**40), 2**50).map(lambda n: b"@%016x%08x" % (2**62 + n, abs(n) % 2**32)),
    st.text("ghxz@:.- A\xe9", max_size=12).map(
        lambda text: b"@%016x%08x" % (2**62 + 1000, 5) + text.encode()
    ),
    st.integers(1, 40).map(lambda n: b"@" + b"0" * n + b"%016x%08x" % (2**62 + n, n)),
    st.text("0123456789abcdef", min_size=16, max_size=16).map(
        lambda text: b"@40000000" + text.encode()
    ),
)
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
    """tai64n and tai64nlocal: some input."""
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
            (b"sh", b"-c", b"(sleep 0.05; (sleep 0.05; echo deep) & exit 1) & exit 9"),
            (b"sh", b"-c", b"(exec setsid sh -c 'sleep 0.1; echo away') & exit 2"),
            (b"sh", b"-c", b"sleep 0.05 & sleep 0.1 & (sleep 0.15; echo last) & exit 6"),
            (b"sh", b"-c", b"exec 4>&- 5>&- 6>&-; sleep 0.05 & exit 8"),
            (b"../bin/fghack", b"sh", b"-c", b"(sleep 0.05; echo inner) & exit 5"),
            (b"../bin/pgrphack", b"sh", b"-c", b"(sleep 0.05; echo inner) & exit 5"),
        ]
    ),
    st.integers(0, 255).map(lambda code: (b"sh", b"-c", b"exit %d" % code)),
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
    "softlimit": softlimit_case,
    "setlock": setlock_case,
    "pgrphack": lambda: chain_case("pgrphack", st.just(()), ENV_TREE),
    "fghack": lambda: st.builds(
        lambda child, block, state: Case("fghack", child, named_in(child), block, state=state),
        st.one_of(FGHACK_CHILD, chained(CHILD)),
        ENVIRONMENT,
        STATE,
    ),
    "svok": lambda: services_case("svok", st.just(())),
    "svstat": lambda: services_case("svstat", st.just(())),
    "svc": lambda: services_case("svc", SVC_OPTIONS),
    "tai64n": lambda: filter_case("tai64n", TEXT),
    "tai64nlocal": lambda: filter_case("tai64nlocal", LABELLED),
    "readproctitle": histories.readproctitle_case,
    "multilog": histories.multilog_case,
    "supervise": histories.supervise_case,
    "svscan": histories.svscan_case,
    "svscanboot": histories.svscanboot_case,
}
