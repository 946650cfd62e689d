"""What envdir makes of an environment block, and the entries that a test is about."""

from collections.abc import Collection, Iterable

from daemontools_conformance.contract.vectors import Vector
from daemontools_conformance.helpers.states import child
from daemontools_conformance.running.sandbox import Sandbox


def variables(
    sandbox: Sandbox, files: Collection[tuple[bytes, bytes]], *entries: bytes
) -> list[bytes]:
    """What envdir with these files, (name, content), makes of a block of these entries."""
    (sandbox.path / "env").mkdir()
    for name, content in files:
        sandbox.write(b"env/" + name, content)
    words = [word for entry in entries for word in (b"--environ-entry", entry)]
    seen = child(sandbox, "envdir", "env", prepare=["--empty-environ", *words])
    names = [name.partition(b"=")[0] for name, _ in files]
    return of([*names, *(entry.partition(b"=")[0] for entry in entries)], seen.block)


def block(sandbox: Sandbox, vector: Vector) -> list[bytes]:
    """What envdir makes of the vector's environment, in the order that its child sees."""
    return variables(sandbox, vector.input["files"], *vector.input["environment"])


def of(names: Iterable[bytes], block: Iterable[bytes]) -> list[bytes]:
    """The entries of these variables, in the order of the block.

    What else a program sets is the matter of one clause, envdir/set/no-files,
    and not of every one.
    """
    wanted = set(names)
    return [entry for entry in block if entry.partition(b"=")[0] in wanted]
