"""One test happens: its implementation, sandbox, processes, waiting, evidence."""
