"""What leaves beside the outbox: alerts that the disk did not take, and records. Owned by the publisher's
thread.

An alert that could not be stored is sent as soon as there is a path, before everything else, and forgotten
once a broker has it: the same alert comes again as a row when the disk takes it. Records go when nothing else
wants the line, one at a time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert
from gateway.delivery.broker_link import AnswerTo, NotSent, Token
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.path import Path
from gateway.delivery.record_store import Record, RecordStore, StoredRecord
from gateway.delivery.state_board import Rank

MOST_UNSTORED = 4096
MOST_UNSAVED = 512


class UnstoredAlerts:
    """In memory alone; bounded, the oldest go first and are counted."""

    def __init__(self, topics: TopicBuilder, stamp: Callable[[Alert], bytes]) -> None:
        self._topics = topics
        self._stamp = stamp
        self._waiting: deque[Alert] = deque()
        self._flying: dict[Token, tuple[Alert, float]] = {}
        self.dropped = 0
        self.published = 0

    @property
    def idle(self) -> bool:
        return not (self._waiting or self._flying)

    def take(self, alerts: Iterable[Alert]) -> None:
        for alert in alerts:
            if len(self._waiting) >= MOST_UNSTORED:
                self._waiting.popleft()
                self.dropped += 1
            self._waiting.append(alert)

    def oldest_in_flight_s(self, path: str, now_s: float) -> float:
        """How long the first one without the broker's answer has been waiting, 0 without one."""
        since_s = [sent_s for token, (_, sent_s) in self._flying.items() if token.path == path]
        return now_s - min(since_s) if since_s else 0.0

    def send(self, path: Path, now_s: float) -> None:
        while self._waiting and path.room > 0:
            alert = self._waiting[0]
            answer_to = AnswerTo(self._topics.receipt, f"{alert.event_id}:{alert.revision}".encode())
            token = path.publish_alert(self._topics.event(alert.event_class), self._stamp(alert), answer_to)
            if token is NotSent.OFFLINE:
                return
            self._waiting.popleft()
            if isinstance(token, Token):
                self._flying[token] = (alert, now_s)
                self.published += 1

    def acknowledged(self, token: Token) -> bool:
        """Whether it was for one of these."""
        return self._flying.pop(token, None) is not None

    def lost(self, path: str) -> None:
        """What was in flight on this path goes again, in its old order."""
        for token in reversed([token for token in self._flying if token.path == path]):
            self._waiting.appendleft(self._flying.pop(token)[0])


class RecordMail:
    """The record store's way out. fault: why the disk does not take records and since when, None if it does.

    Times are monotonic seconds.
    """

    def __init__(self, store: RecordStore) -> None:
        self._store = store
        self._unsaved: list[Record] = []
        self._flying: tuple[Token, StoredRecord] | None = None
        self._sent: int | None = None
        self._maybe_more = True
        self.fault: tuple[OutboxError, float] | None = None
        self.dropped = 0
        self.published = 0

    @property
    def shed(self) -> int:
        return self._store.shed + self.dropped

    def keep(self, records: Iterable[Record], now_s: float) -> None:
        self._unsaved.extend(records)
        if not self._unsaved:
            return
        with self._watching(now_s):
            self._store.put(self._unsaved)
            self._unsaved.clear()
            self._maybe_more = True
        self._thin_out()

    def send(self, path: Path, most_rank: Rank | None, now_s: float) -> None:
        """One record, unless something more important waits on this path (most_rank)."""
        self._forget_sent(now_s)
        busy = self._flying is not None or self._sent is not None
        if busy or not self._maybe_more or path.room < 1:
            return
        stored = None
        with self._watching(now_s):
            stored = self._store.next()
            self._maybe_more = stored is not None
        if stored is None or (most_rank is not None and most_rank < stored.record.rank):
            return
        token = path.publish_record(stored.record.topic, stored.record.payload)
        if isinstance(token, Token):
            self._flying = (token, stored)
            self.published += 1
        elif token is NotSent.TOO_LARGE:
            self._sent = stored.record_id

    def acknowledged(self, token: Token, now_s: float) -> bool:
        """Whether it was for a record; what a broker refuses is gone as well, it would refuse it for ever."""
        if self._flying is None or self._flying[0] != token:
            return False
        self._sent, self._flying = self._flying[1].record_id, None
        self._forget_sent(now_s)
        return True

    def lost(self, path: str) -> None:
        if self._flying is not None and self._flying[0].path == path:
            self._flying = None

    def count_hour(self, keep_hours: int, now_s: float) -> None:
        with self._watching(now_s):
            self._store.count_hour(keep_hours)

    def _forget_sent(self, now_s: float) -> None:
        """Delete what a broker has; nothing else is sent before, or it would go again and again."""
        if self._sent is not None:
            with self._watching(now_s):
                self._store.delete(self._sent)
                self._sent = None

    def _thin_out(self) -> None:
        """The least important and oldest go when too much waits for the disk."""
        while len(self._unsaved) > MOST_UNSAVED:
            worst = max(one.rank for one in self._unsaved)
            at = next(index for index, one in enumerate(self._unsaved) if one.rank is worst)
            del self._unsaved[at]
            self.dropped += 1

    @contextmanager
    def _watching(self, now_s: float) -> Iterator[None]:
        try:
            yield
        except OutboxError as problem:
            if self.fault is None:
                self.fault = (problem, now_s)
        else:
            self.fault = None
