"""Make the system fail on purpose, by traced, refused and fatal system calls.

Run `python -I -m daemontools_conformance.faults FILE djb reference` for the published
table, and `tox -e faults` after a change to a program's system calls. A failure means that a
program loses lines, stops or misbehaves after a system call has failed. If nobody
maintains this, delete `__main__` and docs/reference/faults.md; tests use the rest.
"""
