"""The benchmark: its judge of guards, its file, and a tree under every supervisor."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from daemontools_conformance.bench import costs
from daemontools_conformance.bench.__main__ import as_curves, as_text, guard, spread
from daemontools_conformance.bench.supervisors import OTHERS
from daemontools_conformance.running.table import HAS_PROC, NEEDS_PROC

COMMITTED = {"start": 3.0, "memory": 5.0}


def test_a_ratio_may_be_twice_the_committed_one() -> None:
    assert costs.worse({"start": [6.0], "memory": [1.0]}, COMMITTED) == []


def test_a_ratio_that_is_more_than_twice_as_bad_is_named_with_both_figures() -> None:
    found = costs.worse({"start": [6.1], "memory": [10.2]}, COMMITTED)
    assert found == [
        "memory: 10.20 x djb's; 5.00 is committed",
        "start: 6.10 x djb's; 3.00 is committed",
    ]


def test_two_bad_rounds_of_five_do_not_matter_and_three_do() -> None:
    memory = [5.0] * 5
    assert costs.worse({"start": [3.0, 99.0, 3.0, 99.0, 3.0], "memory": memory}, COMMITTED) == []
    assert costs.worse({"start": [3.0, 99.0, 99.0, 99.0, 3.0], "memory": memory}, COMMITTED) != []


def test_a_ratio_that_is_no_longer_measured_or_committed_is_named() -> None:
    assert costs.worse({"start": [1.0]}, COMMITTED) == ["memory: not in both"]
    assert costs.worse({"start": [1.0]}, {}) == ["start: not in both"]


def test_the_file_holds_the_spread_of_each_place_on_a_line() -> None:
    curves = as_curves({("memory", "djb", 1): [0.123456], ("memory", "djb", 10): [3.0, 1.0, 2.0]})
    data = {"curves": curves, "ratios": {"memory": spread([4.0, 5.0, 6.0])}}
    assert json.loads(as_text(data)) == data
    assert curves["memory"]["lines"]["djb"] == [
        [1, 0.1235, 0.1235, 0.1235, 1],
        [10, 2.0, 1.0, 3.0, 3],
    ]
    assert "[10, 2.0, 1.0, 3.0, 3]" in as_text(data)


LIVE = """\
import json, sys
from pathlib import Path
from daemontools_conformance.bench import contestants, supervisors, trees
from daemontools_conformance.running import orphans
orphans.prepare(is_worker=False)
name, scratch = sys.argv[1], Path(sys.argv[2])
found = dict(contestants.implementations(["reference", "djb"], scratch))
here = {its.name: its for its in supervisors.supervisors(found, scratch)}
print(json.dumps(trees.live(here[name], scratch / "service", 2, quiet=0)))
"""


@pytest.mark.skipif(not HAS_PROC, reason=NEEDS_PROC)
@pytest.mark.parametrize("name", ["reference", *(other.name for other in OTHERS)])
def test_a_tree_lives_under_each_supervisor_and_every_cost_is_measured(
    name: str, tmp_path: Path
) -> None:
    path = {other.name: shutil.which(other.scan[0], path=other.path) for other in OTHERS}
    if not path.get(name, "here"):
        pytest.skip(f"{name} is not installed here")
    command = [sys.executable, "-I", "-c", LIVE, name, str(tmp_path)]
    output = subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=300).stdout
    measured = json.loads(output.splitlines()[-1])
    in_trees = {curve for curve, (by, _) in costs.CURVES.items() if by == "services"}
    assert measured.keys() == in_trees - {"rescan"}
    assert all(values for values in measured.values())
    assert measured["memory"][0] > 0
    assert len(measured["restart"]) == 2


@pytest.mark.parametrize(("second", "code"), [(5.0, 0), (10.5, 1)])
def test_what_is_worse_is_measured_a_second_time(
    second: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "costs.json"
    machine = {"system": "Linux"}
    file.write_text(
        json.dumps({"date": "today", "machine": machine, "ratios": {"memory": [5.0, 4.0, 6.0, 5]}})
    )
    measured = iter([10.5, second])
    monkeypatch.setattr(costs, "ratios", lambda *_: {"memory": [next(measured)]})
    assert guard({}, tmp_path, file) == code
