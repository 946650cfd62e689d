"""tai64nlocal at scale."""

from daemontools_conformance.helpers.filters import peak_kilobytes
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.tai64nlocal.labels import LABEL


@heavy("scale")
@needs("linux")
@clause("tai64nlocal/input/constant-memory")
def test_a_line_of_a_gigabyte_takes_no_memory(sandbox: Sandbox) -> None:
    peak = peak_kilobytes(sandbox, "tai64nlocal", megabytes=1024, start=LABEL + b" ")
    assert peak < 64 * 1024
