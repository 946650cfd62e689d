"""envdir at scale."""

from daemontools_conformance.helpers.marks import clause, heavy
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox


@heavy("scale")
@clause("envdir/set/value")
def test_ten_thousand_files(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    for number in range(10_000):
        (sandbox.path / f"env/V{number}").write_text(f"value {number}\n")
    seen = child(sandbox, "envdir", "env", prepare=["--empty-environ"])
    wanted = {b"V%d=value %d" % (number, number) for number in range(10_000)}
    assert set(seen.environment) == wanted
    assert len(seen.environment) == 10_000


@heavy("scale")
@clause("envdir/remove/absent-variable")
def test_ten_thousand_empty_files(sandbox: Sandbox) -> None:
    (sandbox.path / "env").mkdir()
    for number in range(10_000):
        (sandbox.path / f"env/V{number}").touch()
    prepare = ["--empty-environ", "--environ-entry", "A=1", "--environ-entry", "V77=x"]
    assert child(sandbox, "envdir", "env", prepare=prepare).environment == (b"A=1",)
