"""A conformance suite for daemontools: real programs, real processes, one clause at a time.

Reading order: `clauses.py` (what is promised), `profiles.py` (who is judged),
`sandbox.py` (where a test happens), `plugin.py` (how pytest is taught all
that), then any file under `tests/`.
"""

__version__ = "0.1.0"
