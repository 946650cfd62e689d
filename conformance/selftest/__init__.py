"""Tests of the suite itself: its readers, reporters and judgement, and the liars it must catch."""
