"""Profiles for the programs in a given folder, and profiles that inherit."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from daemontools_conformance.contract.clauses import load as load_clauses
from daemontools_conformance.contract.demands import demands
from daemontools_conformance.contract.near import did_you_mean
from daemontools_conformance.contract.profiles import ProfileError, find, load, shipped
from daemontools_conformance.running.implementation import locate
from selftest.builds import judged, patched, with_programs

USAGE = "svok/usage/no-operand"


@pytest.fixture(scope="session")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return patched(tmp_path_factory.mktemp("honest"))


@pytest.fixture
def homeless(tmp_path: Path) -> Path:
    """A profile that does not say where its programs are."""
    file = tmp_path / "homeless.toml"
    file.write_text('name = "homeless"\n')
    return file


def test_a_profile_is_judged_on_the_programs_in_the_folder_given(
    honest: Path, homeless: Path, tmp_path: Path
) -> None:
    asked = Path(f"{homeless}={honest}")
    exit_code, report = judged(asked, tmp_path / "report", "--clause", USAGE, workers=1)
    assert (exit_code, report.name, report.clauses[USAGE]["outcome"]) == (0, "homeless", "PASS")


def test_the_folder_given_stands_before_the_profiles_own(honest: Path, tmp_path: Path) -> None:
    liar = with_programs(tmp_path / "liar", honest, {"svok": "#!/bin/sh\nexit 0\n"})
    file = tmp_path / "settled.toml"
    file.write_text(f'name = "settled"\nfolder = "{liar}"\n')
    exit_code, report = judged(Path(f"{file}={honest}"), tmp_path / "report", "--clause", USAGE)
    assert (exit_code, report.clauses[USAGE]["outcome"]) == (0, "PASS")


def test_a_setup_is_not_run_if_a_folder_is_given(honest: Path, tmp_path: Path) -> None:
    assert find(f"reference={honest}").setup == ()
    assert locate(find(f"reference={honest}"), tmp_path).folder == honest


def test_a_profile_without_a_folder_says_what_it_needs(homeless: Path, tmp_path: Path) -> None:
    with pytest.raises(ProfileError, match="use homeless=DIR"):
        locate(find(str(homeless)), tmp_path)


def test_a_given_folder_that_is_not_there_is_refused(homeless: Path) -> None:
    with pytest.raises(ProfileError, match="there is no folder /nowhere"):
        find(f"{homeless}=/nowhere")


def test_a_folder_may_have_an_equals_sign_in_its_name(honest: Path, tmp_path: Path) -> None:
    folder = with_programs(tmp_path / "a=b", honest, {})
    assert locate(find(str(folder)), tmp_path / "scratch").folder == folder


def test_a_mapped_program_is_looked_for_in_the_folder_given(honest: Path, tmp_path: Path) -> None:
    file = tmp_path / "mapped.toml"
    file.write_text('name = "mapped"\n[programs.svc]\npath = "svok"\nargv0 = "svok"\n')
    command, argv = locate(find(f"{file}={honest}"), tmp_path).command("svc")
    assert (command, argv) == (str(honest / "svok"), ("svok",))


def test_a_relative_path_begins_at_the_folder_of_the_profile(honest: Path, tmp_path: Path) -> None:
    with_programs(tmp_path / "there", honest, {})
    file = tmp_path / "mapped.toml"
    file.write_text('name = "mapped"\n[programs.svc]\npath = "there/svok"\nargv0 = "svok"\n')
    command, argv = locate(find(str(file)), tmp_path).command("svc")
    assert (command, argv) == (str(tmp_path / "there/svok"), ("svok",))


def test_a_folder_is_used_though_the_inherited_profile_has_a_setup(tmp_path: Path) -> None:
    file = tmp_path / "heir.toml"
    file.write_text('name = "heir"\ninherits = "reference"\nfolder = "/opt/mine"\n')
    assert (find(str(file)).folder, find(str(file)).setup) == (("/opt/mine",), ())


def test_what_a_profile_does_not_say_is_as_in_the_one_that_it_inherits(tmp_path: Path) -> None:
    file = tmp_path / "heir.toml"
    file.write_text('name = "heir"\ninherits = "djb"\n')
    heir, djb = find(str(file)), find("djb")
    assert (heir.name, heir.folder, heir.expect) == ("heir", djb.folder, djb.expect)


def test_an_heir_leaves_out_and_replaces_expectations(tmp_path: Path) -> None:
    left_out, replaced, *others = find("djb").expect
    file = tmp_path / "heir.toml"
    file.write_text(
        f'name = "heir"\ninherits = "djb"\nwithout = ["{left_out}"]\n'
        f'[[expect]]\nclause = "{replaced}"\nkind = "not-offered"\nreason = "another"\n'
    )
    expect = find(str(file)).expect
    assert set(expect) == {replaced, *others}
    assert expect[replaced].reason == "another"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('inherits = "nobody"', r"heir\.toml: 'nobody' is not a shipped profile"),
        ('inherits = "djb"\nwithout = ["svok/exit/running"]', "has no expectation for svok/exit"),
    ],
)
def test_an_inheritance_that_is_wrong_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "heir.toml"
    file.write_text(f'name = "heir"\n{text}\n')
    with pytest.raises(ProfileError, match=complaint):
        find(str(file))


ENTRY = '[[expect]]\nclause = "svok/exit/running"\nreason = "so"\n'


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('not_offred = ["svok"]', "not_offered"),
        ('not_offered = ["svock"]', "svok or "),
        ('[programs.multlog]\npath = "x"', "multilog"),
        ('inherits = "djb"\nwithout = ["svscan/survives/wait"]', "svscan/survives/waits"),
        ('inherits = "djbware"', "djbwares"),
        (f'{ENTRY}kind = "varient"', "variant"),
        (f'{ENTRY}kind = "not-offered"\nsen = "x"', "seen"),
    ],
)
def test_what_a_profile_misspells_is_said_with_what_was_meant(
    tmp_path: Path, text: str, meant: str
) -> None:
    file = tmp_path / "misspelt.toml"
    file.write_text(f'name = "misspelt"\n{text}\n')
    with pytest.raises(ProfileError, match=rf"; did you mean {meant}.*\?$"):
        find(str(file))


@pytest.mark.parametrize(
    "text",
    [
        "[timing]\npatience = nan",
        "[timing]\npatience = inf",
        "[timing]\npatience = true",
        f'{ENTRY}kind = "not-offered"\nexpires = 2027-01-01T00:00:00',
    ],
)
def test_a_value_that_would_make_no_run_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(f'name = "wrong"\n{text}\n')
    with pytest.raises(ProfileError, match=r"patience must be a number|expires must be a date"):
        find(str(file))


@pytest.mark.parametrize(
    ("clause", "seen", "meant"),
    [
        ("svok/exit/runing", "x", "svok/exit/running"),
        ("tai64n/output/piece-at-once", "whole-line", "whole-lines"),
    ],
)
def test_a_misspelt_clause_or_variant_is_said_with_what_was_meant(
    tmp_path: Path, clause: str, seen: str, meant: str
) -> None:
    file = tmp_path / "misspelt.toml"
    entry = f'clause = "{clause}"\nkind = "variant"\nseen = "{seen}"\nreason = "so"\n'
    file.write_text(f'name = "misspelt"\n[[expect]]\n{entry}')
    with pytest.raises(ProfileError, match=rf"; did you mean {meant}.*\?$"):
        demands(find(str(file)), load_clauses())


def test_a_misspelt_profile_is_said_with_what_was_meant() -> None:
    with pytest.raises(ProfileError, match=r"; did you mean encore\?$"):
        find("encor")


def test_a_name_like_nothing_that_is_known_gets_no_suggestion() -> None:
    assert did_you_mean("xyz", ["svc", "svok"]) == ""
    assert did_you_mean("svk", ["svok", "multilog"]) == "; did you mean svok?"


def test_every_shipped_profile_says_what_is_seen_and_links_to_it() -> None:
    for file in sorted(shipped("djb").parent.glob("*.toml")):
        for clause, expectation in find(str(file)).expect.items():
            where = f"{file.name}: {clause}"
            assert expectation.seen or expectation.kind == "known-bug", where
            assert expectation.link.startswith("https://") or expectation.kind == "variant", where


def test_no_results_are_asked_of_a_profile_that_needs_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    regenerate = _regenerate()
    monkeypatch.setattr(regenerate.committed, "folder", lambda _: tmp_path)
    missing = {line.partition(":")[0] for line in regenerate.stale()}
    assert "djb" in missing
    assert "djb-plain" not in missing
    assert "say where its programs are" in regenerate.run("djb-plain", [])


def _regenerate() -> ModuleType:
    """The script conformance/upkeep/regenerate.py as a module."""
    spec = importlib.util.spec_from_file_location(
        "regenerate", Path(__file__).parents[1] / "upkeep/regenerate.py"
    )
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["djb", "djb-plain"])
def test_what_djbs_programs_do_not_do_is_beyond_them(name: str) -> None:
    known = load_clauses()
    declared = load(shipped(name)).expect
    assert {clause: known[clause].level for clause in declared} == dict.fromkeys(declared, "BEYOND")
