"""What all unit tests share: an example has no deadline, since the machine may be busy."""

from hypothesis import settings

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")

# Tests with real servers take minutes; `pytest reference/tests/field` runs them.
collect_ignore = ["field"]
