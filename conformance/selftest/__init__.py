"""Tests of the suite itself: its readers, reporters and verdicts, and the liars it must catch."""
