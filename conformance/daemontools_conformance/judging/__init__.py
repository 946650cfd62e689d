"""What came of it: from exceptions to outcomes, from tests to cells, from cells to surprises."""
