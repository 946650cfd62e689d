"""Fake implementations that each misbehave in one way, and how the suite must catch each.

If the suite lets one of them pass, or mistakes a crash for a refusal, the suite is
wrong, whatever it says about honest programs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from selftest.builds import Patch

SH = "#!/bin/sh\n"
PYTHON = "#!{python} -IS\nimport os, signal, sys, time\n"


@dataclass(frozen=True)
class Liar:
    """What misbehaves, the clause that must catch it, and the outcome of that clause."""

    name: str
    clause: str
    outcome: str
    programs: Mapping[str, str] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    says: str = ""  # must be in the detail
    options: tuple[str, ...] = ()


LIARS = [
    Liar(
        "always-0",
        "svok/exit/never-supervised",
        "FAIL",
        {"svok": SH + "exit 0\n"},
    ),
    Liar(
        "always-111",
        "svok/exit/never-supervised",
        "FAIL",
        {"svok": SH + "exit 111\n"},
    ),
    Liar(
        "always-usage",
        "svok/exit/no-directory",
        "FAIL",
        {"svok": SH + "echo 'svok: usage: svok dir' >&2; exit 100\n"},
    ),
    Liar(
        "yes-to-everything",
        "svok/exit/killed",
        "FAIL",
        {"svok": SH + 'test -d "$1"\n'},
    ),
    Liar(
        "traceback-with-the-right-exit-code",
        "svok/exit/never-supervised",
        "CRASH",
        {"svok": SH + "echo 'Traceback (most recent call last):' >&2; exit 100\n"},
        says="stack trace",
    ),
    Liar(
        "traceback-of-a-program-that-the-test-does-not-ask",
        "svok/exit/running",
        "CRASH",
        {
            "supervise": SH
            + "echo 'Traceback (most recent call last):' >&2; exec {true}/supervise \"$@\"\n"
        },
        says="supervise",
    ),
    Liar(
        "traceback-while-the-test-waits",
        "setlock/options/last-counts",
        "CRASH",
        {"setlock": SH + "echo 'Traceback (most recent call last):' >&2; exit 1\n"},
        says="stack trace",
    ),
    Liar(
        "dies-of-a-fault",
        "svok/exit/never-supervised",
        "CRASH",
        {"svok": SH + "kill -SEGV $$\n"},
        says="SIGSEGV",
    ),
    Liar(
        "dies-of-a-fault-while-the-test-writes",
        "multilog/line/memory",
        "CRASH",
        {"multilog": SH + "exec <&-; mkdir log; >log/current; sleep 0.3; kill -SEGV $$\n"},
        says="SIGSEGV",
    ),
    Liar(
        "hangs-before-it-does-anything",
        "svok/usage/no-operand",
        "TIMEOUT",
        {"svok": SH + "exec sleep 1000\n"},
        options=("--patience", "0.1"),
    ),
    Liar(
        "hangs-before-exec",
        "setlock/child/same-process",
        "TIMEOUT",
        {"setlock": SH + "exec sleep 1000\n"},
        options=("--patience", "0.1"),
    ),
    Liar(
        "ignores-term",
        "tai64n/signal/term",
        "TIMEOUT",
        {
            "tai64n": PYTHON + "for n in (1, 2, 3, 14, 15): signal.signal(n, signal.SIG_IGN)\n"
            "for line in sys.stdin.buffer:\n"
            "    label = b'@4000000000000000' + b'0' * 8\n"
            "    os.write(1, label + b' ' + line)\n"
        },
        options=("--patience", "0.1"),
    ),
    Liar(
        "forks-instead-of-exec",
        "envdir/child/same-process",
        "FAIL",
        {"envdir": PYTHON + "os._exit(os.spawnv(os.P_WAIT, '{true}/envdir', sys.argv))\n"},
    ),
    Liar(
        "lets-the-parent-die",
        "envdir/child/same-process",
        "FAIL",
        {"envdir": PYTHON + "if os.fork(): os._exit(0)\nos.execv('{true}/envdir', sys.argv)\n"},
    ),
    Liar(
        "leaks-descriptors",
        "envdir/state/descriptors-unchanged",
        "FAIL",
        {"envdir": SH + 'exec 3</dev/null 7</dev/null 9</dev/null; exec {true}/envdir "$@"\n'},
        options=("-k", "plain"),
    ),
    Liar(
        "adds-to-the-environment",
        "envdir/state/environment-unchanged",
        "FAIL",
        {"envdir": SH + 'EXTRA=1; export EXTRA; exec {true}/envdir "$@"\n'},
        options=("-k", "plain"),
    ),
    Liar(
        "echoes-twice",
        "tai64n/label/each-line",
        "FAIL",
        {"tai64n": SH + '{true}/tai64n | while read -r l; do echo "$l"; echo "$l"; done\n'},
    ),
    Liar(
        "ten-seconds-off",
        "tai64n/label/offset",
        "FAIL",
        patches=(Patch("core/tai64.py", "UNIX_EPOCH = 2**62 + 10", "UNIX_EPOCH = 2**62"),),
    ),
    Liar(
        "status-a-byte-short",
        "supervise/status/size",
        "FAIL",
        patches=(
            Patch(
                "programs/supervise.py",
                "pack(_stamp, _pid, paused=paused, want=want))",
                "pack(_stamp, _pid, paused=paused, want=want)[:17]) + 1",
            ),
        ),
    ),
    Liar(
        "status-in-the-other-byte-order",
        "supervise/status/pid",
        "FAIL",
        patches=(Patch("core/status.py", 'pid.to_bytes(4, "little")', 'pid.to_bytes(4, "big")'),),
    ),
    Liar(
        "status-not-renamed-into-place",
        "supervise/status/renamed",
        "FAIL",
        patches=(
            Patch(
                "programs/supervise.py",
                'rename(b"supervise/status.new", b"supervise/status")',
                'open("supervise/status", "wb").write(open("supervise/status.new", "rb").read())',
            ),
        ),
    ),
    Liar(
        "asks-where-it-is",
        "process/files/deep-working-directory",
        "FAIL",
        {
            "svok": PYTHON + 'try: os.readlink("/proc/self/cwd")\n'
            "except OSError: sys.exit(99)\n"
            'os.execv("{true}/svok", sys.argv)\n'
        },
    ),
    Liar(
        "no-writer-of-control-and-no-nap",
        "supervise/command/idle-afterwards",
        "FAIL",
        patches=(
            Patch(
                "programs/supervise.py", '        open_write(b"supervise/control")', "        pass"
            ),
            Patch(
                "programs/supervise.py", "not any(steps):\n        pause(1)", "not any(steps): pass"
            ),
        ),
    ),
    Liar(
        "svc-that-opens-nothing",
        "svc/letters/each",
        "FAIL",
        {"svc": SH + "exit 0\n"},
        options=("--patience", "0.2"),
    ),
    Liar(
        "loses-the-last-line",
        "multilog/line/final-newline",
        "FAIL",
        {"multilog": SH + 'while read -r l; do echo "$l"; done | {true}/multilog "$@"\n'},
    ),
    Liar(
        "says-more-than-asked",
        "svok/exit/running",
        "FAIL",
        {"svok": SH + 'echo yes; exec {true}/svok "$@"\n'},
    ),
    Liar(
        "not-executable",
        "svok/usage/no-operand",
        "FAIL",
        {"svok": "text\n"},
        says="is not executable",
    ),
    Liar(
        "no-format-that-runs",
        "svok/usage/no-operand",
        "FAIL",
        {"svok": "\x7fELFnot really"},
        says="Exec format error",
    ),
]
