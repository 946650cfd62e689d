"""Running one test: its implementation, sandbox, processes, waiting, evidence."""
