"""Benchmarks for any implementation: trees, chains, throughput, memory, latency and start-up.

Run `tox -e bench`, `tox -e loggers` and `tox -e startup` on a quiet machine after a change that
may cost speed. Only `--guard` of the first and `--check` of the last can fail. If nobody
maintains this, delete the package and the figures in docs that it made.
"""
