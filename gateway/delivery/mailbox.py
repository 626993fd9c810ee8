"""What reaches the publisher from other threads: a wake-up, states to publish, answers from the broker.

Bounded without dropping an answer: there is at most one answer for each message in flight, connection states
that follow each other are merged, and states are kept one a topic.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gateway.delivery.broker_link import Acknowledged, LinkState
from gateway.delivery.state_board import StateMessage


@dataclass(frozen=True, slots=True)
class Mail:
    """Everything that came since the last time, answers in order."""

    answers: tuple[LinkState | Acknowledged, ...]
    states: tuple[StateMessage, ...]
    stopping: bool


class Mailbox:
    """Many threads put, one takes."""

    def __init__(self, most_topics: int = 1024) -> None:
        self._most_topics = most_topics
        self._topics: set[str] = set()
        self._answers: list[LinkState | Acknowledged] = []
        self._states: dict[str, StateMessage] = {}
        self._woken = False
        self._stopping = False
        self._changed = threading.Condition()
        self.states_refused = 0

    def wake(self) -> None:
        """There may be new rows in the outbox."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def stop(self) -> None:
        """Comes with or after everything that was put before."""
        with self._changed:
            self._stopping = self._woken = True
            self._changed.notify()

    def put_answer(self, answer: LinkState | Acknowledged) -> None:
        with self._changed:
            if self._answers and isinstance(answer, LinkState) and isinstance(self._answers[-1], LinkState):
                self._answers.pop()
            self._answers.append(answer)
            self._changed.notify()

    def put_state(self, message: StateMessage) -> bool:
        """False, and counted, when there are too many topics already."""
        with self._changed:
            new = message.topic not in self._topics and message.topic not in self._states
            if new and max(len(self._topics), len(self._states)) >= self._most_topics:
                self.states_refused += 1
                return False
            if message.payload:
                self._topics.add(message.topic)
            else:
                self._topics.discard(message.topic)
            self._states[message.topic] = message
            self._changed.notify()
            return True

    def take(self, timeout_s: float) -> Mail:
        """Waits for the first thing to happen, at most timeout_s; may be empty."""
        with self._changed:
            if not (self._woken or self._answers or self._states):
                self._changed.wait(timeout_s)
            mail = Mail(tuple(self._answers), tuple(self._states.values()), self._stopping)
            self._answers.clear()
            self._states.clear()
            self._woken = False
            return mail
