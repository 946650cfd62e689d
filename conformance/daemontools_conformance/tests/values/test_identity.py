"""Great inode numbers, and equal ones on different devices: what svscan tells services apart by."""

import os
from pathlib import Path

from daemontools_conformance.contract.outcomes import Unavailable
from daemontools_conformance.helpers.marks import clause, needs
from daemontools_conformance.running.patience import eventually
from daemontools_conformance.running.processes import Running
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svscan.scanning import services, supervises, waiting_supervise

NOT_PERMITTED = 77

# Two file systems give their first folder the same number; an overlay of both tells them apart
# in the upper half of its 64 bits.
GREAT = """\
mkdir one two
mount -t tmpfs one one && mount -t tmpfs two two && mkdir one/1000 two/1001
mount -t overlay -o xino=on,lowerdir=one:two services service || exit 77
exec "$@"
"""
# The root folders of two file systems have the same number.
EQUAL = """\
mkdir service/1000 service/1001
mount -t tmpfs one service/1000 && mount -t tmpfs two service/1001 || exit 77
exec "$@"
"""


def inodes(svscan: Running) -> list[int]:
    """The inode numbers of both services, as svscan sees them."""
    folder = Path(f"/proc/{svscan.pid}/cwd")
    return [(folder / name).stat().st_ino for name in ("1000", "1001")]


def svscan_over(sandbox: Sandbox, mounting: str) -> Running:
    """An svscan that has scanned its directory, in which this has been mounted."""
    waiting_supervise(sandbox)
    services(sandbox)
    file, argv = sandbox.argv("svscan", "service")
    user = [] if os.geteuid() == 0 else ["-U", "-r"]
    apart = ["unshare", *user, "-m", "sh", "-ec", mounting, "sh"]
    svscan = sandbox.start_command([*apart, file, *argv[1:]])
    eventually(lambda: svscan.has_ended() or supervises(svscan), what="it has scanned")
    if svscan.has_ended() and svscan.wait().code == NOT_PERMITTED:
        raise Unavailable("these file systems cannot be mounted here")
    return svscan


def check_both_run(svscan: Running) -> None:
    """Each service must have its supervise."""
    eventually(lambda: supervises(svscan).keys() == {"1000", "1001"})


@clause("svscan/identity/great-inodes")
@needs("namespaces")
def test_inode_numbers_that_differ_in_the_upper_half(sandbox: Sandbox) -> None:
    svscan = svscan_over(sandbox, GREAT)
    one, two = inodes(svscan)
    if one == two or one % 2**32 != two % 2**32:
        raise Unavailable("no file system here gives such inode numbers")
    check_both_run(svscan)


@clause("svscan/identity/other-device")
@needs("namespaces")
def test_the_same_inode_number_on_another_device(sandbox: Sandbox) -> None:
    svscan = svscan_over(sandbox, EQUAL)
    one, two = inodes(svscan)
    if one != two:
        raise Unavailable("no two file systems here give the same inode number")
    check_both_run(svscan)
