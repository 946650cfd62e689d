"""The tests, one folder a program, one file a topic of its clauses."""
