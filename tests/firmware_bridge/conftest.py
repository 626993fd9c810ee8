"""Property tests draw the same examples in every run, keep nothing on disk and watch no clock."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("seeded", derandomize=True, database=None, deadline=None)
settings.load_profile("seeded")
