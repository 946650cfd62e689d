"""svstat at scale."""

import re
from contextlib import ExitStack

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svstat.handmade import service, status_bytes


@heavy("scale")
@clause("svstat/output/order")
def test_two_thousand_directories(sandbox: Sandbox) -> None:
    names = [f"s{number}" for number in range(2000)]
    with ExitStack() as stack:  # fewer than the usual 1024 descriptors
        for number in range(0, 2000, 4):
            status = status_bytes(pid=number + 1)
            stack.enter_context(service(sandbox, names[number], status))
        answer = sandbox.run("svstat", *names, within=60)
    said = answer.out.splitlines()
    assert len(said) == 2000
    for number, line in enumerate(said):
        assert re.search(rb"\bs%d\b" % number, line)
