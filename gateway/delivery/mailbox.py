"""What reaches the publisher from other threads: a wake-up, states to publish, answers from the broker.

Bounded without dropping an answer: there is at most one answer for each message in flight, connection states
of a path that follow each other are merged, and states are kept one a topic. What others publish to us is
bounded by count; a receipt that finds no room is given again, because its alert is sent again.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

from gateway.contract.types import Alert
from gateway.delivery.broker_link import Acknowledged, Heard, LinkState
from gateway.delivery.record_store import Record
from gateway.delivery.state_board import StateMessage

MOST_HEARD = 4096
MOST_UNSTORED = 4096
MOST_RECORDS = 2048


@dataclass(frozen=True, slots=True)
class Mail:
    """Everything that came since the last time, answers in order."""

    answers: tuple[LinkState | Acknowledged, ...]
    states: tuple[StateMessage, ...]
    heard: tuple[Heard, ...]
    unstored: tuple[Alert, ...]
    records: tuple[Record, ...]
    stopping: bool


class Mailbox:
    """Many threads put, one takes."""

    def __init__(self, most_topics: int = 1024) -> None:
        self._most_topics = most_topics
        self._topics: set[str] = set()
        self._answers: list[LinkState | Acknowledged] = []
        self._states: dict[str, StateMessage] = {}
        self._heard: list[Heard] = []
        self._unstored: list[Alert] = []
        self._records: list[Record] = []
        self._woken = False
        self._stopping = False
        self._changed = threading.Condition()
        self.states_refused = 0
        self.heard_dropped = 0
        self.unstored_dropped = 0
        self.records_refused = 0

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

    def put(self, message: LinkState | Acknowledged | Heard) -> None:
        """What a link reports."""
        if isinstance(message, Heard):
            self._put_heard(message)
        else:
            self.put_answer(message)

    def put_answer(self, answer: LinkState | Acknowledged) -> None:
        with self._changed:
            last = self._answers[-1] if self._answers else None
            if isinstance(answer, LinkState) and isinstance(last, LinkState) and last.path == answer.path:
                self._answers.pop()
            self._answers.append(answer)
            self._changed.notify()

    def put_unstored(self, alert: Alert) -> bool:
        """An alert that the disk did not take, to be sent all the same; False, and counted, when full."""
        with self._changed:
            if len(self._unstored) >= MOST_UNSTORED:
                self.unstored_dropped += 1
                return False
            self._unstored.append(alert)
            self._changed.notify()
            return True

    def put_record(self, record: Record) -> bool:
        """False, and counted, when full."""
        with self._changed:
            if len(self._records) >= MOST_RECORDS:
                self.records_refused += 1
                return False
            self._records.append(record)
            self._changed.notify()
            return True

    def _put_heard(self, heard: Heard) -> None:
        with self._changed:
            if len(self._heard) >= MOST_HEARD:
                self.heard_dropped += 1
                return
            self._heard.append(heard)
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
            if not (self._woken or self._answers or self._states or self._waiting):
                self._changed.wait(timeout_s)
            mail = Mail(
                tuple(self._answers),
                tuple(self._states.values()),
                tuple(self._heard),
                tuple(self._unstored),
                tuple(self._records),
                self._stopping,
            )
            self._answers.clear()
            self._states.clear()
            self._heard.clear()
            self._unstored.clear()
            self._records.clear()
            self._woken = False
            return mail

    @property
    def _waiting(self) -> bool:
        return bool(self._heard or self._unstored or self._records)
