"""The latest state of each topic, for retained messages: the last wins, a new connection gets them all.

What says who is there goes first, then health, then levels: on a slow line the least important waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from gateway.contract.topics import TopicKind


class Rank(IntEnum):
    """Order of sending beside alerts, which always go before all of these."""

    LIFECYCLE = 0
    HEALTH = 1
    TELEMETRY = 2


_RANKS = {
    TopicKind.STATUS: Rank.LIFECYCLE,
    TopicKind.SENSOR_AVAILABILITY: Rank.LIFECYCLE,
    TopicKind.RECORD_STATUS: Rank.LIFECYCLE,
    TopicKind.RECORD_AVAILABILITY: Rank.LIFECYCLE,
    TopicKind.HEALTH: Rank.HEALTH,
    TopicKind.SENSOR_HEALTH: Rank.HEALTH,
    TopicKind.RECORD_COVERAGE: Rank.HEALTH,
}


def rank_of(kind: TopicKind) -> Rank:
    return _RANKS.get(kind, Rank.TELEMETRY)


@dataclass(frozen=True, slots=True)
class StateMessage:
    """One retained state. An empty payload takes the topic off the broker."""

    topic: str
    payload: bytes
    qos: int
    rank: Rank = Rank.HEALTH


class StateBoard:
    """Owned by one thread. Within a rank the order of first appearance is the order of sending."""

    def __init__(self) -> None:
        self._known: dict[str, StateMessage] = {}
        self._due: dict[Rank, dict[str, None]] = {rank: {} for rank in Rank}

    @property
    def idle(self) -> bool:
        return not any(self._due.values())

    def put(self, message: StateMessage) -> None:
        self._known[message.topic] = message
        self._due[message.rank][message.topic] = None

    def next_rank(self) -> Rank | None:
        """The rank of what take() would give."""
        return next((rank for rank, topics in self._due.items() if topics), None)

    def take(self) -> StateMessage | None:
        """The next state to send, None without one. Not sent after all: give_back() it."""
        for topics in self._due.values():
            for topic in topics:
                del topics[topic]
                message = self._known[topic]
                if not message.payload:
                    del self._known[topic]
                return message
        return None

    def give_back(self, message: StateMessage) -> None:
        """It was not sent; it is due again unless a later one took its place."""
        if message.topic not in self._known:
            self._known[message.topic] = message
        self._due[message.rank][message.topic] = None

    def all_due(self) -> None:
        """A new connection: the broker may have lost what it retained, or shows our last will."""
        for rank in Rank:
            self._due[rank] = {topic: None for topic, known in self._known.items() if known.rank is rank}
