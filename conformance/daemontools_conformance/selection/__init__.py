"""Which tests, in which order."""
