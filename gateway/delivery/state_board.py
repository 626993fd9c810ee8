"""The latest state of each topic, for retained messages: the last wins, a new connection gets them all."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateMessage:
    """One retained state. An empty payload takes the topic off the broker."""

    topic: str
    payload: bytes
    qos: int


class StateBoard:
    """Owned by one thread. The order of first appearance is the order of sending after a reconnection."""

    def __init__(self) -> None:
        self._known: dict[str, StateMessage] = {}
        self._due: dict[str, None] = {}

    @property
    def idle(self) -> bool:
        return not self._due

    def put(self, message: StateMessage) -> None:
        self._known[message.topic] = message
        self._due[message.topic] = None

    def take(self) -> StateMessage | None:
        """The next state to send, None without one. Not sent after all: give_back() it."""
        for topic in self._due:
            del self._due[topic]
            message = self._known[topic]
            if not message.payload:
                del self._known[topic]
            return message
        return None

    def give_back(self, message: StateMessage) -> None:
        """It was not sent; it is due again unless a later one took its place."""
        if message.topic not in self._known:
            self._known[message.topic] = message
        self._due[message.topic] = None

    def all_due(self) -> None:
        """A new connection: the broker may have lost what it retained, or shows our last will."""
        self._due = dict.fromkeys(self._known)
