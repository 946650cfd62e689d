"""A conformance suite for daemontools: real programs, real processes, one clause at a time.

    contract   what is asked: clauses; of whom: profiles; what can come of it: outcomes
    selection  which tests, in which order
    running    one test: its sandbox, processes, waiting, evidence
    judging    from exceptions to outcomes, from tests to cells, from cells to surprises
    reports    results.jsonl, and everything made from it
    commands   what a person types; plugin.py is what pytest sees

The tests are in `tests/PROGRAM/`, and what they share is in `helpers`. `differential`,
`faults` and `bench` are separate from the suite.
"""

__version__ = "0.1.0"
