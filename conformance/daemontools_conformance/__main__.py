"""`python -I -m daemontools_conformance`: the command, where it is not on PATH."""

from daemontools_conformance.commands import main

main()
