"""What the suite asks (clauses), of whom (profiles), and what can come of it (outcomes)."""
