"""The table of services: what enters, what stays, what leaves."""

import doctest

from hypothesis import given
from hypothesis import strategies as st

from daemontools.core import scan
from daemontools.core.scan import NOT_RUNNING, Service, Table, lacks_process


def test_examples_in_the_docstrings() -> None:
    assert doctest.testmod(scan).failed == 0


def table_of(pids: list[tuple[int, int, bool]]) -> Table:
    """A table with a service for each (pid, pid of the log, seen in this scan)."""
    table: Table = {}
    for inode, (pid, log_pid, is_seen) in enumerate(pids):
        service = Service(pipe=(10, 11) if log_pid else None)
        service.pid, service.log_pid, service.is_seen = pid, log_pid, is_seen
        table[1, inode] = service
    return table


PIDS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()))


@given(PIDS)
def test_what_is_seen_or_runs_stays(pids: list[tuple[int, int, bool]]) -> None:
    table = table_of(pids)
    scan.remove_gone(table)
    kept = {(1, inode) for inode, (pid, log, seen) in enumerate(pids) if pid or log or seen}
    assert table.keys() == kept


@given(PIDS)
def test_what_is_removed_is_handed_back(pids: list[tuple[int, int, bool]]) -> None:
    table = table_of(pids)
    before = list(table.values())
    gone = scan.remove_gone(table)
    assert [service for service in before if service not in table.values()] == gone


@given(PIDS, st.integers(1, 3))
def test_a_death_changes_at_most_one_process(pids: list[tuple[int, int, bool]], dead: int) -> None:
    table = table_of(pids)
    before = [pid for service in table.values() for pid in (service.pid, service.log_pid)]
    scan.process_ended(table, dead)
    after = [pid for service in table.values() for pid in (service.pid, service.log_pid)]
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    assert changed == [(dead, NOT_RUNNING)] * (dead in before)


@given(PIDS)
def test_a_new_scan_has_seen_nothing(pids: list[tuple[int, int, bool]]) -> None:
    table = table_of(pids)
    scan.begin_scan(table)
    assert not any(service.is_seen for service in table.values())


def test_a_service_lacks_a_process_until_each_of_its_supervises_runs() -> None:
    plain, logged = Service(None), Service((10, 11))
    assert [lacks_process(plain), lacks_process(logged)] == [True, True]
    plain.pid = logged.pid = 12
    assert [lacks_process(plain), lacks_process(logged)] == [False, True]
    logged.log_pid = 13
    assert lacks_process(logged) is False
    logged.pid = NOT_RUNNING
    assert lacks_process(logged) is True
