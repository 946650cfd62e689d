"""Benchmarks that anybody can run against any implementation: throughput, memory, latency."""
