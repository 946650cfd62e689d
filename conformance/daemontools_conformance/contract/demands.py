"""What is demanded of an implementation: each clause, and what the profile expects instead.

Only this module joins a clause with its expectation. Verdicts, cells, reports and
the fixture `variant` receive the pair.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from daemontools_conformance.contract.clauses import Clause
from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.contract.profiles import Expectation, Profile, ProfileError


@dataclass(frozen=True)
class Demand:
    """A clause, and what the profile expects to see instead, if anything."""

    clause: Clause
    expectation: Expectation | None = None
    newer_than: str = ""  # the profile's suite version, if the clause is newer
    is_beyond: bool = False  # level BEYOND, and the profile neither asks for it nor declares it

    @property
    def variant(self) -> str:
        """The variant that the profile declares; "" for plain 0.76."""
        expected = self.expectation
        return expected.seen if expected and expected.kind == "variant" else ""


def demands(profile: Profile, known: Mapping[str, Clause]) -> dict[str, Demand]:
    """The demand of each clause, by clause id.

    Raises ProfileError if the profile names a clause or a variant that does not exist.
    """
    _check(profile, known)
    version = profile.suite_version
    return {
        id_: Demand(
            clause,
            profile.expect.get(id_),
            newer_than=version if _is_newer(clause, version) else "",
            is_beyond=clause.level == "BEYOND" and not profile.beyond and id_ not in profile.expect,
        )
        for id_, clause in known.items()
    }


def _check(profile: Profile, known: Mapping[str, Clause]) -> None:
    for id_, expectation in profile.expect.items():
        if id_ not in known:
            hint = did_you_mean(id_, known)
            raise ProfileError(f"profile {profile.name}: there is no clause {id_}{hint}")
        if expectation.kind == "variant" and expectation.seen not in known[id_].variants:
            raise ProfileError(
                f"profile {profile.name}: {id_} has no variant {expectation.seen!r} "
                f"({known[id_].file.name}:{known[id_].line})"
                f"{did_you_mean(expectation.seen, known[id_].variants)}"
            )


def _is_newer(clause: Clause, version: str) -> bool:
    """Was the clause written after this version of the suite ("": a profile without one)?"""

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.split("."))

    return bool(version) and numbers(clause.since) > numbers(version)
