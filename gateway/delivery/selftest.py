"""The scheduled test alert: the whole way, from the outbox to every receiver's own word. Pure.

It is an alert of class `test` and status Test that starts and ends at once: no receiver counts it as real. It
runs a while after each start, then at its interval, and when a receiver asks for it. While one is under way
there is no other.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST_AFTER_S = 30.0
LATE_AFTER_S = 60.0
LEAST_BETWEEN_S = 10.0


@dataclass(frozen=True, slots=True)
class Selftest:
    """One test. took_s: until everybody had all of it, None while somebody has not."""

    event_id: str
    begun_s: float
    sent_utc: str
    took_s: float | None = None


class SelftestSchedule:
    """every_s: 0 for never by itself. The time is monotonic seconds."""

    def __init__(self, every_s: float, now_s: float) -> None:
        self._every_s = every_s
        self._due_s = now_s + FIRST_AFTER_S if every_s else float("inf")
        self._missing: set[int] = set()
        self._last_begun_s = float("-inf")
        self.last: Selftest | None = None

    def ask(self, now_s: float) -> bool:
        """A receiver asks for one; False when the last is too fresh or under way."""
        if self._under_way(now_s) or now_s - self._last_begun_s < LEAST_BETWEEN_S:
            return False
        self._due_s = now_s
        return True

    def due(self, now_s: float) -> bool:
        """A test that never got through does not stand in the way of the next."""
        return now_s >= self._due_s and not self._under_way(now_s)

    def begun(self, event_id: str, revisions: int, sent_utc: str, now_s: float) -> None:
        self.last = Selftest(event_id, now_s, sent_utc)
        self._missing = set(range(revisions))
        self._last_begun_s = now_s
        self._due_s = now_s + self._every_s if self._every_s else float("inf")

    def skipped(self, now_s: float) -> None:
        """There was nothing to test with; the next one is due at its time."""
        self._due_s = now_s + self._every_s if self._every_s else float("inf")

    def delivered(self, event_id: str, revision: int, now_s: float) -> None:
        """A revision is delivered; of another event: nothing happens."""
        if self.last is None or self.last.event_id != event_id or revision not in self._missing:
            return
        self._missing.discard(revision)
        if not self._missing:
            took_s = now_s - self.last.begun_s
            self.last = Selftest(event_id, self.last.begun_s, self.last.sent_utc, took_s)

    def failed(self, now_s: float) -> bool:
        """The last test is not through, and has been under way for too long."""
        return bool(self._missing) and now_s - self._last_begun_s >= LATE_AFTER_S

    def next_due_s(self) -> float:
        """The first instant at which due() may hold."""
        return max(self._due_s, self._last_begun_s + LATE_AFTER_S) if self._missing else self._due_s

    def _under_way(self, now_s: float) -> bool:
        return bool(self._missing) and now_s - self._last_begun_s < LATE_AFTER_S
