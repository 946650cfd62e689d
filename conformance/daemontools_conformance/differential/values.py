"""The parts of cases: words, environments, odd states, programs to run, lines of text."""

import os

from hypothesis import strategies as st

from daemontools_conformance.differential.case import Node

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
    st.sampled_from(
        [b"PATH=", b"PATH=:", b"PATH=/nowhere:/bin", b"PATH=../bin:/bin", b"PATH=../bin:/usr/bin:"]
    ).map(lambda e: (e,)),
)


def option(name: str, *values: str | bytes) -> Strategy[Words]:
    """One option of prepare.py with one of these values."""
    return st.sampled_from([(name.encode(), os.fsencode(value)) for value in values])


def in_order(options: list[Words]) -> Words:
    """The options of prepare.py in order: limits last, because they hinder the others."""
    return sum(sorted(options, key=lambda words: words[0] == b"--limit"), ())


# Never two that hinder each other, such as a user who may not read and a closed folder.
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
    ).map(in_order),
    option("--user", "65534:65534") if os.geteuid() == 0 else st.just(()),
)

# The programs that chain programs run

# One name in several places of PATH, each with its own obstacle.
TOOLS = (
    Node("file", b"p-plain/tool", b"#!/bin/sh\nexit 1\n", 0o644),
    Node("dir", b"p-folder/tool", mode=0o755),
    Node("file", b"p-odd/tool", b"exit 2\n", 0o755),
    Node("file", b"p-empty/tool", b"", 0o755),
    Node("file", b"p-lost/tool", b"#!/nowhere/sh\n", 0o755),
    Node("link", b"p-loop/tool", b"tool"),
    Node("link", b"p-dangling/tool", b"nowhere"),
    Node("file", b"p-file"),
    Node("file", b"p-closed/tool", b"#!/bin/sh\nexit 3\n", 0o755),
    Node("file", b"p-good/tool", b"#!/bin/sh\nexit 6\n", 0o755),
    Node("link", b"p-link/tool", b"../p-good/tool"),
)
PLACE = st.sampled_from(
    [
        *sorted({node.path.split(b"/")[0] for node in TOOLS}),
        *(b"p-good", b"p-good", b"./p-good", b"{box}/p-good", b"", b"", b"nowhere", b"n" * 300),
    ]
)
SEARCHED = st.lists(PLACE, max_size=5).map(lambda places: b"PATH=" + b":".join(places))

FILES = (
    Node("file", b"say", b"#!/bin/sh\nexit 5\n", 0o755),
    Node("file", b"no-interpreter", b"exit 5\n", 0o755),
    Node("file", b"bad-interpreter", b"#!/nowhere/sh\n", 0o755),
    Node("file", b"plain", b"x", 0o644),
    Node("dir", b"folder", mode=0o755),
    Node("link", b"dangling", b"nowhere"),
    Node("link", b"loop", b"loop"),
    Node("dir", b"closed", mode=0o700),
    *TOOLS,
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
            (b"./say",),
            (b"say",),
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
            (b"./p-empty/tool",),
            (b"p-loop/tool",),
            (b"p-link/tool",),
        ]
    ),
    st.just((b"tool", b"x")),
    st.tuples(ODD_WORD),
)


def chained(child: Strategy[Words]) -> Strategy[Words]:
    """A child that may be one of the implementation's chain programs."""
    links = st.sampled_from(
        [
            (b"../bin/envdir", b"env"),
            (b"../bin/setlock", b"chain-lock"),
            (b"../bin/setlock", b"-n", b"chain-lock"),
            (b"../bin/softlimit", b"-o", b"30"),
            (b"../bin/softlimit", b"-c", b"0", b"-f", b"50"),
            (b"envdir", b"env"),
            (b"setlock", b"chain-lock"),
            (b"softlimit", b"-c", b"0"),
            (b"pgrphack",),
            (b"../bin/softlimit", b"-m", b"200000000"),
            (b"../bin/softlimit", b"-s", b"8000000", b"-t", b"1000", b"-l", b"0"),
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


def named_in(words: Words) -> tuple[Node, ...]:
    """The FILES that the words name, so that a report shows only what it needs."""
    named = tuple(node for node in FILES if any(node.path in word for word in words))
    return (*named, *TOOLS) if b"tool" in words else named


# Lines of text

LINE = st.one_of(
    st.binary(max_size=12),
    st.sampled_from([b"", b"line", b"a b c", b"\0", b"x" * 300, b"\xff\xfe", bytes(range(256))]),
)
TEXT = st.lists(
    st.tuples(LINE, st.sampled_from([b"\n", b"\n", b"\n", b"", b"\n\n"])).map(b"".join), max_size=8
).map(b"".join)
