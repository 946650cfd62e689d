"""What all unit tests share: on a busy machine an example may take its time."""

from hypothesis import settings

settings.register_profile("busy machine", deadline=None)
settings.load_profile("busy machine")
