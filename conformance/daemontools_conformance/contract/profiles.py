"""Profiles: the implementation to judge, and what the suite expects of it.

A profile is a TOML file:

    name = "djb"                        # one word
    title = "daemontools 0.76, Debian's package"
    version = "1:0.76-8.1"              # of the implementation
    suite_version = "0.1.0"             # clauses newer than this report NEW
    folder = ["/command", "/usr/bin"]   # the first that holds one of the programs
    setup = ["{python}", "-I", "-m", "daemontools.install", "{folder}"]   # instead of folder
    not_offered = ["svscanboot"]        # whole programs
    peer = "djb"                        # lends what is not offered to tests of other programs
    inherits = "djb"                    # a shipped profile that supplies what is missing here,
    without = ["supervise/fork/one-run"]    # expectations included, except these
    beyond = true                       # hold it to the clauses of level BEYOND too

    [programs.envdir]                   # a program with another file, name or arguments
    path = "{folder}/chpst"             # in the first `folder` that has it; see below
    argv0 = "envdir"
    arguments = ["-e"]

    [programs."*"]                      # every program that is offered and has no table
    path = "python3"                    # `python3 FOLDER/mine svok DIR` is its `svok DIR`
    arguments = ["{folder}/mine", "{program}"]

    [timing]
    patience = 1.0                      # all deadlines are multiplied by this

    [svscanboot]
    service = "/etc/service"            # the directory it scans; "/service" if not given
    places = []                         # where it expects its programs; ["/command"] if not given

    [[expect]]
    clause = "supervise/folder/dangling-link"   # or clauses = [...], for one reason
    kind = "variant"                    # or not-offered, known-bug
    seen = "plain"                      # variant: its name in the clause; else in words
    reason = "we refuse it, as 0.76 does"
    link = "https://..."                # required for known-bug
    expires = 2027-01-01                # optional
    sometimes = true                    # optional, not for a variant: a race; may also hold
    without_need = "linux"              # optional: only where this need of tests is not met

`--implementation` takes the name of a shipped profile, a TOML file, or a folder
of programs with djb's names (a profile without expectations, in which the programs
that the folder does not hold are not offered). NAME=DIR applies
that profile to the programs in the folder DIR. A profile without folder, setup
and programs, because no registry carries its programs, needs this form.

In `path` and `arguments`, {folder} is the folder of the programs and {program} the
name. A path without a slash is looked for in `folder`, then along PATH (an interpreter,
say); one with {folder}, only there; another relative one, beside the profile's file.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from daemontools_conformance.contract import wellformed
from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.contract.outcomes import Outcome
from daemontools_conformance.contract.places import folder as data_folder
from daemontools_conformance.contract.plain import plain

PROGRAMS = (
    "svscanboot",
    "svscan",
    "supervise",
    "svc",
    "svok",
    "svstat",
    "fghack",
    "pgrphack",
    "readproctitle",
    "multilog",
    "tai64n",
    "tai64nlocal",
    "setuidgid",
    "envuidgid",
    "envdir",
    "softlimit",
    "setlock",
)
FILL_IN = "to be filled in"  # `adopt` leaves this text; a run counts it
OUTCOMES = {  # kind of expectation -> the outcome of a test that comes out as expected
    "variant": Outcome.VARIANT,
    "not-offered": Outcome.NOT_OFFERED,
    "known-bug": Outcome.KNOWN_BUG,
}
_KEYS = {
    "name", "title", "version", "suite_version", "folder", "setup", "not_offered",
    "peer", "inherits", "without", "beyond", "programs", "svscanboot", "timing", "expect",
}  # fmt: skip


class ProfileError(Exception):
    """Raised when a profile cannot be used; the text says why and where."""


@dataclass(frozen=True)
class Expectation:
    """A clause with another outcome, what is seen instead, and why."""

    clause: str
    kind: str
    reason: str
    seen: str = ""
    link: str = ""
    expires: datetime.date | None = None
    sometimes: bool = False  # a race: the clause may also hold
    without_need: str = ""  # it is so only where this need of tests is not met

    @property
    def outcome(self) -> Outcome:
        """The outcome of a test that comes out as expected."""
        return OUTCOMES[self.kind]


@dataclass(frozen=True)
class Call:
    """How one program is called: its file, its argv[0], and its first arguments."""

    path: str
    argv0: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Profile:
    """An implementation and what the suite expects of it."""

    name: str
    title: str = ""
    version: str = ""
    suite_version: str = ""
    folder: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    not_offered: frozenset[str] = frozenset()
    peer: str = ""
    programs: Mapping[str, Call] = field(default_factory=dict)
    service: str = "/service"
    places: tuple[str, ...] = ("/command",)
    patience: float = 1.0
    expect: Mapping[str, Expectation] = field(default_factory=dict)
    source: str = ""
    inherits: str = ""
    beyond: bool = False  # do clauses of level BEYOND count?

    @property
    def needs_folder(self) -> bool:
        """Must the user say where its programs are (NAME=DIR)?"""
        return not (self.folder or self.setup or self.programs)


def find(name: str) -> Profile:
    """The profile for the value of `--implementation`. Raises ProfileError."""
    path = Path(name)
    profile, given, folder = name.partition("=")
    if given and not path.exists():
        return _with_programs_in(find(profile), Path(folder).expanduser())
    if path.suffix == ".toml":
        if path.exists() and not path.is_file():  # a FIFO would never end
            raise ProfileError(f"{path}: it is not a file")
        return load(path)
    if "/" not in name and shipped(name).exists():
        return load(shipped(name))
    if path.is_dir():
        return _of_folder(path.resolve(), name)
    names = sorted(p.stem for p in data_folder("profiles").glob("*.toml"))
    raise ProfileError(
        f"no implementation {name!r}: not a folder, a .toml file, or a shipped profile "
        f"({', '.join(names)}){did_you_mean(name, names)}"
    )


def _of_folder(folder: Path, source: str) -> Profile:
    """The profile of a plain folder: what it does not hold is not offered, and the reference's."""
    absent = frozenset(program for program in PROGRAMS if not (folder / program).is_file())
    peer = "reference" if absent else ""  # svok's tests, say, need a supervise
    name = plain(folder.name).replace("\n", " ")
    return Profile(name, folder=(str(folder),), not_offered=absent, peer=peer, source=source)


def _with_programs_in(profile: Profile, folder: Path) -> Profile:
    """The profile for exactly the programs in this folder."""
    if not folder.is_dir():
        raise ProfileError(f"profile {profile.name}: there is no folder {folder}")
    return replace(profile, folder=(str(folder.resolve()),), setup=())


def load(path: Path) -> Profile:
    """Read a TOML profile. Raises ProfileError."""
    try:
        return _profile(path, _table(path))
    except (TypeError, AttributeError, KeyError) as error:
        raise ProfileError(f"{path}: a value is of the wrong kind: {error}") from error


def _profile(path: Path, table: dict[str, Any]) -> Profile:
    folders = table.get("folder", [])
    folders = [folders] if isinstance(folders, str) else folders
    not_offered = table.get("not_offered", [])
    if not_programs := {*table.get("programs", {}), *not_offered} - {*PROGRAMS, "*"}:
        wrong = min(not_programs)
        hint = did_you_mean(wrong, PROGRAMS)
        raise ProfileError(f"{path}: {wrong} is not a daemontools program{hint}")
    return Profile(
        name=table["name"],
        title=table.get("title", ""),
        version=table.get("version", ""),
        suite_version=table.get("suite_version", ""),
        folder=tuple(str((path.parent / Path(f).expanduser()).resolve()) for f in folders),
        setup=tuple(table.get("setup", ())),
        not_offered=frozenset(not_offered),
        peer=table.get("peer", ""),
        programs=_calls(path, table),
        service=table.get("svscanboot", {}).get("service", "/service"),
        places=tuple(table.get("svscanboot", {}).get("places", ("/command",))),
        patience=_patience(path, table),
        expect=_expectations(path, table.get("expect", [])),
        source=str(path),
        inherits=table.get("inherits", ""),
        beyond=_beyond(path, table),
    )


def _beyond(path: Path, table: dict[str, Any]) -> bool:
    if not isinstance(beyond := table.get("beyond", False), bool):
        raise ProfileError(f"{path}: beyond must be true or false, not {beyond!r}")
    return beyond


def _calls(path: Path, table: dict[str, Any]) -> dict[str, Call]:
    """How each program is called that is not simply a file of its name; "*" is all others."""
    given = table.get("programs", {})
    offered = [p for p in PROGRAMS if p not in table.get("not_offered", ())]
    named = offered if "*" in given else [p for p in offered if p in given]
    calls = {}
    for program in named:
        call = given.get(program) or given["*"]
        if not isinstance(call.get("path"), str) or call.keys() - Call.__dataclass_fields__.keys():
            raise ProfileError(f"{path}: programs.{program} needs path, argv0 and arguments only")
        words = [call["path"], *call.get("arguments", ())]
        file, *words = [word.replace("{program}", program) for word in words]
        if "/" in file and not file.startswith("{folder}"):
            file = str(path.parent.absolute() / file)
        calls[program] = Call(file, call.get("argv0", ""), tuple(words))
    return calls


def _patience(path: Path, table: dict[str, Any]) -> float:
    patience = table.get("timing", {}).get("patience", 1.0)
    if type(patience) not in (int, float) or not 0 < patience < float("inf"):
        raise ProfileError(f"{path}: patience must be a number greater than 0, not {patience!r}")
    return float(patience)


def _table(path: Path) -> dict[str, Any]:
    """The file's table, completed by that of the profile it inherits from."""
    try:
        table = wellformed.read(path)
    except (OSError, ValueError) as error:
        raise ProfileError(f"{path}: {error}") from error
    if unknown := sorted(table.keys() - _KEYS):
        hint = did_you_mean(unknown[0], _KEYS)
        raise ProfileError(f"{path}: unknown key {unknown[0]!r}{hint}")
    if not table.get("name"):
        raise ProfileError(f"{path}: it has no name")
    if wrong := wellformed.mistake(table):
        raise ProfileError(f"{path}: {wrong}")
    if "inherits" not in table:
        return table
    if not (base_file := shipped(table["inherits"])).exists():
        hint = did_you_mean(base_file.stem, [p.stem for p in base_file.parent.glob("*.toml")])
        raise ProfileError(f"{path}: {table['inherits']!r} is not a shipped profile{hint}")
    base = _table(base_file) | ({"setup": []} if "folder" in table else {})
    own = list(_single(table.get("expect", [])))
    inherited = {entry["clause"]: entry for entry in _single(base.get("expect", []))}
    without = set(table.get("without", []))
    if unknown := sorted(without - inherited.keys()):
        hint = did_you_mean(unknown[0], inherited)
        raise ProfileError(f"{path}: {base['name']} has no expectation for {unknown[0]}{hint}")
    without |= {entry.get("clause") for entry in own}
    kept = [entry for clause, entry in inherited.items() if clause not in without]
    return {**base, **table, "expect": kept + own}


def shipped(name: str) -> Path:
    """The file of a shipped profile (it need not exist)."""
    return data_folder("profiles") / f"{name}.toml"


def _single(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The entries, one for each clause: an entry with `clauses` is split."""
    for entry in entries:
        shared = {key: value for key, value in entry.items() if key != "clauses"}
        if "clauses" in entry:
            yield from ({**shared, "clause": clause} for clause in entry["clauses"])
        else:
            yield entry


def _expectations(path: Path, entries: list[dict[str, Any]]) -> dict[str, Expectation]:
    expectations: dict[str, Expectation] = {}
    for entry in _single(entries):
        clause = entry.get("clause", "")

        def wrong(what: str, clause: str = clause) -> ProfileError:
            return ProfileError(f"{path}: expectation for {clause or '?'}: {what}")

        if clause in expectations:
            raise wrong("it is listed twice")
        if entry.get("kind") not in OUTCOMES:
            hint = did_you_mean(str(entry.get("kind")), OUTCOMES)
            raise wrong(f"its kind must be one of {', '.join(OUTCOMES)}{hint}")
        if not entry.get("reason"):
            raise wrong("it has no reason")
        if entry["kind"] == "variant" and not entry.get("seen"):
            raise wrong("a variant must say which one is seen")
        if entry["kind"] == "known-bug" and not entry.get("link"):
            raise wrong("a known bug must have a link")
        if not entry.get("link", FILL_IN).startswith(("http://", "https://", FILL_IN)):
            raise wrong("its link must begin with http:// or https://")
        if not isinstance(entry.get("sometimes", False), bool):
            raise wrong("sometimes must be true or false")
        if entry["kind"] == "variant" and entry.get("sometimes"):
            raise wrong("a variant cannot say `sometimes`")
        if type(entry.get("expires", datetime.date.max)) is not datetime.date:  # nor a datetime
            raise wrong("expires must be a date, such as 2027-01-01")
        if unknown := sorted(entry.keys() - Expectation.__dataclass_fields__.keys()):
            keys = Expectation.__dataclass_fields__
            raise wrong(f"unknown key {unknown[0]!r}{did_you_mean(unknown[0], keys)}")
        expectations[clause] = Expectation(**entry)
    return expectations
