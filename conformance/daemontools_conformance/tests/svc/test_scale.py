"""svc at scale."""

from contextlib import ExitStack

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.running.sandbox import Sandbox
from daemontools_conformance.tests.svc.handmade import service


@heavy("scale")
@clause("svc/services/several")
def test_five_hundred_services_get_their_letters_and_fifteen_hundred_a_warning(
    sandbox: Sandbox,
) -> None:
    names = [f"s{number}" for number in range(2000)]
    with ExitStack() as stack:  # fewer than the usual 1024 descriptors
        controls = [stack.enter_context(service(sandbox, name)) for name in names[::4]]
        answer = sandbox.run("svc", "-dx", *names, within=60)
        assert answer.code == 0
        assert [control.read() for control in controls] == [b"dx"] * 500
    said = answer.err.splitlines()
    assert len(said) == 1500
    assert said[0] == b"svc: warning: unable to chdir to s1: file does not exist"
