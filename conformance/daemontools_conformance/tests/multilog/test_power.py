"""multilog: the power is cut at any moment; a restart keeps what has been promised."""

import pytest

from daemontools_conformance.faults.power import SCENARIOS, Scenario, cut_everywhere
from daemontools_conformance.helpers.marks import clause, needs, slow
from daemontools_conformance.running.sandbox import Sandbox

EACH_SCENARIO = [
    pytest.param(scenario, id=scenario.name, marks=clause(f"multilog/power/{scenario.name}"))
    for scenario in SCENARIOS
]


@slow
@needs("strace")
@pytest.mark.parametrize("scenario", EACH_SCENARIO)
def test_a_restart_after_a_cut_of_power_keeps_the_promises(
    sandbox: Sandbox, scenario: Scenario
) -> None:
    outcome = cut_everywhere(sandbox, scenario)
    assert outcome.broken == []
    assert outcome.states > 1
