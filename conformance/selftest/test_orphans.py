"""The clean-up on a system without prctl: all that is ours is found, and nothing else is."""

from daemontools_conformance.running.orphans import family

INIT, SUITE, STARTED = 1, 100, 200
# process id -> parent, process group, session; 0 is a group outside of a container
MACHINE = {
    INIT: (0, 0, 0),
    2: (0, 0, 0),
    7: (2, 0, 0),
    50: (INIT, 50, 0),
    60: (50, 60, 50),
    SUITE: (60, SUITE, 50),
}


def test_descendants_are_ours_whatever_their_group() -> None:
    table = {**MACHINE, 200: (SUITE, 100, 50), 201: (200, 201, 201), 202: (201, 0, 0)}
    assert family(table, SUITE, INIT, set()) == {200, 201, 202}


def test_orphans_are_ours_by_the_group_or_the_session_of_a_leader() -> None:
    table = {**MACHINE, 301: (INIT, STARTED, 50), 302: (INIT, 302, STARTED), 303: (301, 303, 303)}
    assert family(table, SUITE, INIT, {STARTED}) == {301, 302, 303}


def test_other_orphans_and_the_rest_of_the_machine_are_not_ours() -> None:
    table = {**MACHINE, 401: (INIT, 401, 401), 402: (INIT, 60, 50), 403: (INIT, 0, 0)}
    assert family(table, SUITE, INIT, {SUITE, STARTED}) == set()


def test_a_group_whose_number_is_used_again_is_not_ours() -> None:
    table = {**MACHINE, STARTED: (60, STARTED, 50), 501: (STARTED, STARTED, 50)}
    assert family(table, SUITE, INIT, {STARTED}) == set()


def test_init_and_the_kernel_are_never_ours() -> None:
    assert family(MACHINE, SUITE, INIT, {0, 1, 2, SUITE}) == set()
    assert family(MACHINE, SUITE, 2, {0, SUITE}) == set()
