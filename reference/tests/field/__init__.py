"""Real servers and other clients, on machines that no other process shares."""
