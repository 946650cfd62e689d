"""tai64n at scale."""

from daemontools_conformance.helpers.filters import peak_kilobytes
from daemontools_conformance.helpers.marks import clause, heavy, needs
from daemontools_conformance.running.sandbox import Sandbox


@heavy("scale")
@needs("linux")
@clause("tai64n/input/constant-memory")
def test_a_line_of_a_gigabyte_takes_no_memory(sandbox: Sandbox) -> None:
    assert peak_kilobytes(sandbox, "tai64n", megabytes=1024) < 64 * 1024
