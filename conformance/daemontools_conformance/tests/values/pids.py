"""Process ids that this machine would reach in weeks: a namespace counts on from any number."""

import os

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import Argument, Sandbox

# The next ids do not fit into 16 bits; need more than 20 bits; are near the last that Linux has.
# (The threads of a runtime take ids, too, and after the last one the kernel begins with 300.)
LAST_IDS = [65_534, 2**21 - 2, 2**22 - 100]
NOT_PERMITTED = 77

# Process 1 of the namespace. It stays, for a namespace ends with it.
FIRST = f"""\
[ "$(cat /proc/sys/kernel/pid_max)" -gt $(($1 + 2)) ] || exit {NOT_PERMITTED}
echo "$1" >/proc/sys/kernel/ns_last_pid || exit {NOT_PERMITTED}
shift
"$@"
exit $?
"""


def after(last_id: int, sandbox: Sandbox, program: str, *words: Argument) -> list[Argument]:
    """The command that runs the program with the process id `last_id` + 1, as a child of 1."""
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    file, argv = sandbox.argv(program, *words)
    apart: list[Argument] = ["unshare", *user, "-p", "-f", "--kill-child", "--mount-proc"]
    return [*apart, "sh", "-c", FIRST, "sh", str(last_id), file, *argv[1:]]


def check_permitted(running: Running) -> None:
    """Raise Unavailable if the namespace could not count on from there."""
    if running.has_ended() and running.wait().code == NOT_PERMITTED:
        raise Unavailable("process ids cannot be that great here")
