"""The marks that a test carries, and the user whom many of them need.

    @clause("svok/exit/running")
    def test_...

Each test has exactly one clause: it fails for one reason.
"""

import pytest

clause = pytest.mark.clause
needs = pytest.mark.needs  # needs("root"), needs("strace"), needs("namespaces"), needs("gcc") ...
slow = pytest.mark.slow  # left out by --quick
heavy = pytest.mark.heavy  # heavy("scale"): only a run with --heavy scale has it

AS_NOBODY = ["--user", "65534:65534"]  # for `prepare`: nobody's own, with one group; needs root
