"""Making the system fail on purpose: traced, refused and fatal system calls."""
