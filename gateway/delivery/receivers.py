"""What is known of the control room's receivers:

who answers, and since when not. Pure; time is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MISSED_BEATS = 3


@dataclass(frozen=True, slots=True)
class ReceiverSight:
    """silent_since_s: monotonic, when it was heard last or the watch began; None while it answers.

    heard: it has answered since the gateway's start.
    """

    name: str
    silent_since_s: float | None
    heard: bool


class Receivers:
    """The receivers named in the settings; nobody else's word counts."""

    def __init__(self, names: Iterable[str], heartbeat_s: float) -> None:
        self._patience_s = MISSED_BEATS * heartbeat_s
        self._heard_s: dict[str, float | None] = dict.fromkeys(names)
        self._watched_since_s: float | None = None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._heard_s)

    def connected(self, now_s: float) -> None:
        """There is a path: only from here on a silence means the receiver's."""
        if self._watched_since_s is None:
            self._watched_since_s = now_s

    def disconnected(self) -> None:
        """No path is left: nobody can be blamed for not being heard."""
        self._watched_since_s = None

    def heard(self, name: str, now_s: float) -> bool:
        """One of `names` answered; whether it was silent before."""
        was_silent = self._silent_since_s(name, now_s) is not None or self._heard_s[name] is None
        self._heard_s[name] = now_s
        return was_silent

    def sights(self, now_s: float) -> tuple[ReceiverSight, ...]:
        return tuple(
            ReceiverSight(name, self._silent_since_s(name, now_s), heard_s is not None)
            for name, heard_s in self._heard_s.items()
        )

    def _silent_since_s(self, name: str, now_s: float) -> float | None:
        if self._watched_since_s is None:
            return None
        last_s = self._heard_s[name]
        since_s = self._watched_since_s if last_s is None else max(last_s, self._watched_since_s)
        return since_s if now_s - since_s > self._patience_s else None
