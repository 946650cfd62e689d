"""svc at scale."""

from contextlib import ExitStack

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service


@heavy("scale")
@clause("svc/services/several")
def test_five_hundred_services_among_two_thousand_names_get_their_letters(
    sandbox: Sandbox,
) -> None:
    names = [f"s{number}" for number in range(2000)]
    with ExitStack() as stack:  # fewer than the usual 1024 descriptors
        controls = [stack.enter_context(service(sandbox, name)) for name in names[::4]]
        sandbox.run("svc", "-dx", *names, within=60)
        assert [control.read() for control in controls] == [b"dx"] * 500
