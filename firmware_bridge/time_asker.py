"""When to ask a sensor for its sample count, and which of its answers counts. No I/O: time is an argument."""

from __future__ import annotations

from typing import Final

from firmware_bridge.messages import TimeReply, TimeRequest

TIME_EXCHANGE_S: Final = 5.0
EAGER_EXCHANGE_S: Final = 1.0
EAGER_EXCHANGES: Final = 10
"""With so many answers the clock is about as good as it gets."""

_MICROSECONDS: Final = 1_000_000


class TimeAsker:
    """Asks at once, then every second while little is known, then every five; one question is open at a time.

    A sensor that does not answer is not asked eagerly for ever: it may not be able to hear.
    """

    def __init__(self) -> None:
        self._due_s = 0.0
        self._open_t1_us: int | None = None
        self._unanswered = 0

    def begin(self, now_s: float) -> None:
        """A sensor is ready, perhaps another one: forget the old questions and ask."""
        self._due_s = now_s
        self._open_t1_us = None
        self._unanswered = 0

    def forget(self) -> None:
        """No answer is expected any more."""
        self._open_t1_us = None

    def question(self, now_s: float, known: int) -> TimeRequest | None:
        """The request to send now, if one is due. known: exchanges that the clock's estimate rests on."""
        if now_s < self._due_s:
            return None
        eager = known < EAGER_EXCHANGES and self._unanswered < EAGER_EXCHANGES
        self._due_s = now_s + (EAGER_EXCHANGE_S if eager else TIME_EXCHANGE_S)
        self._open_t1_us = round(now_s * _MICROSECONDS)
        self._unanswered += 1
        return TimeRequest(self._open_t1_us)

    def asked_s(self, reply: TimeReply) -> float | None:
        """When the question was asked that this answers; None if it answers none that is open."""
        if reply.t1_us != self._open_t1_us:
            return None
        self._open_t1_us = None
        self._unanswered = 0
        return reply.t1_us / _MICROSECONDS
