"""The marks of a test, and the user that many tests need.

    @clause("svok/exit/running")
    def test_...

Each test has exactly one clause, so it fails for one reason.
"""

import os

import pytest

clause = pytest.mark.clause
needs = pytest.mark.needs  # needs("root"), needs("strace"), needs("namespaces"), needs("gcc") ...
slow = pytest.mark.slow  # --quick leaves the test out
heavy = pytest.mark.heavy  # heavy("scale"): only --heavy scale runs the test

AS_NOBODY = ["--user", "65534:65534"]  # for `prepare`: nobody's own, with one group; needs root
# For `prepare`: a user to whom modes can close files. Root becomes nobody, others stay as they are.
AS_USER = AS_NOBODY if os.geteuid() == 0 else []
