"""tai64nlocal: the tests."""
