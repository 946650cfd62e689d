"""One module a program; each has a `main(argv)` that returns the exit code."""
