"""`python -m daemontools_conformance`: the command, where it is not on PATH."""

from daemontools_conformance.command import main

main()
