"""tai64n: the tests."""
