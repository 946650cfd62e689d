"""Benchmarks for any implementation: throughput, memory, latency and start-up.

Run `tox -e bench` and `tox -e startup` on a quiet machine after a change that may cost
speed. Only `--check` of startup fails, if the median misses its target. If nobody
maintains this, delete the package and the figures in docs that it made.
"""
