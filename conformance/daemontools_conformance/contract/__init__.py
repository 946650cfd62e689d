"""What is asked: clauses; of whom: profiles; what can come of it: outcomes."""
