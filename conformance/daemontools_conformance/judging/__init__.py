"""The judgement: from exceptions to outcomes, from tests to cells, from cells to surprises."""
