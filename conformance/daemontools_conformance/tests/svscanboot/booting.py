"""What the tests of svscanboot share: starting it where it can do no harm."""

import os
import sys

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers import newroot
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running, argv_of, below
from daemontools_conformance.running.sandbox import Sandbox

SCREEN_BYTES = 400


def start_boot(sandbox: Sandbox, *, first: bool = False, service: bool = True) -> Running:
    """Start svscanboot in namespaces of its own; `box/service` appears as its directory.

    `first`: as process 1. `service`: bind the directory at all. The Running is that of
    unshare, whose only child is the first process inside.
    """
    profile = sandbox.implementation.profile
    for program in ("svscanboot", "svscan", "supervise", "readproctitle"):
        # svscanboot sets a PATH of its own, on which no peer can lend.
        sandbox.implementation.command(program, "" if program == "svscanboot" else "tree")
    (sandbox.path / "service").mkdir(exist_ok=True)
    base = sandbox.path / "newroot"
    base.mkdir()
    options = [f"--bind={sandbox.implementation.folder}={place}" for place in profile.places]
    bound = f"--bind={sandbox.path}/service={profile.service}"
    options.append(bound if service else f"--absent={profile.service}")
    options += [] if first else ["--child"]
    place = profile.places[0] if profile.places else str(sandbox.implementation.folder)
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    namespaces = ["unshare", *user, "-m", "-p", "-f", "--kill-child"]
    helper = [sys.executable, "-ISXutf8", newroot.__file__, str(base), str(sandbox.path)]
    return sandbox.start_command([*namespaces, *helper, *options, "--", f"{place}/svscanboot"])


def find(boot: Running, name: str, *further: str) -> int:
    """The process with these first arguments below `boot`; 0 if there is none.

    Raises Unavailable if the new root was not permitted.
    """
    if boot.has_ended() and boot.wait().code == newroot.NOT_PERMITTED:
        raise Unavailable(boot.err.decode(errors="replace"))
    wanted = tuple(word.encode() for word in (name, *further))
    for pid in below(boot.pid):
        if argv_of(pid)[: len(wanted)] == wanted:
            return pid
    return 0


def booted(sandbox: Sandbox, *, first: bool = False) -> tuple[Running, int, int]:
    """Start svscanboot and wait for svscan and readproctitle; return their process ids."""
    boot = start_boot(sandbox, first=first)
    svscan = eventually(lambda: find(boot, "svscan"), within=60)
    title = eventually(lambda: find(boot, "readproctitle"), within=60)
    eventually(lambda: [len(word) for word in argv_of(title)[-1:]] == [SCREEN_BYTES])
    return boot, svscan, title


def screen(title: int) -> bytes:
    """What readproctitle shows, without the dots at its left."""
    return argv_of(title)[-1].lstrip(b".")
