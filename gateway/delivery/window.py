"""Which alert goes out next, and what an answer means for it. No I/O, no clock: the time is an argument.

Theory of operation. Rows come from the outbox in order of commit and leave in that order, up to
`most_in_flight` of them unacknowledged. Of one event only one revision is in flight at a time; the next waits
for the answer, and everything behind it waits too. So a broken connection can only lose a tail, and sending
again from the first unacknowledged row never turns two revisions around. A row that the broker refuses (a
PUBACK of 0x80 or more) holds back its event only, and is tried again at growing intervals: it must neither be
lost nor stand in the way of others.

The window is a cache of the outbox: losing the connection empties it, and the rows are read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.delivery.broker_link import FIRST_REFUSAL, NO_MATCHING_SUBSCRIBERS, Token
from gateway.delivery.outbox import OutboxRow

MOST_HELD = 1000
MOST_UNMARKED = 1000


class Outcome(Enum):
    """What became of a row that was in flight."""

    ACCEPTED = "accepted"
    ACCEPTED_UNHEARD = "the broker took it, but nobody is subscribed"
    REFUSED = "refused"
    STALE = "an answer to a message that is no longer in flight"


@dataclass(slots=True)
class _InFlight:
    row: OutboxRow
    since_s: float


@dataclass(slots=True)
class _Held:
    refusals: int
    until_s: float | None  # None: may be tried now


class DeliveryWindow:
    """The rows between outbox and broker."""

    def __init__(self, most_in_flight: int, first_retry_s: float = 1.0, most_retry_s: float = 30.0) -> None:
        """most_in_flight: 1 to 16 unacknowledged rows. Raises ValueError."""
        if not 1 <= most_in_flight <= 16:
            raise ValueError(f"{most_in_flight} rows in flight: 1 to 16")
        self._most = most_in_flight
        self._receive_maximum = most_in_flight
        self._first_retry_s = first_retry_s
        self._most_retry_s = most_retry_s
        self._waiting: deque[OutboxRow] = deque()
        self._in_flight: dict[Token, _InFlight] = {}
        self._held: dict[str, _Held] = {}
        self._unmarked: set[int] = set()
        self.after_id = 0

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    @property
    def idle(self) -> bool:
        """Nothing in flight, nothing read and waiting, nothing to mark."""
        return not (self._in_flight or self._waiting or self._unmarked)

    @property
    def wants_rows(self) -> bool:
        """Read on from `after_id`."""
        return not self._waiting and self._has_room

    def add(self, rows: Sequence[OutboxRow]) -> None:
        """Rows read from the outbox, in order, with ids above after_id."""
        flying = {flight.row.row_id for flight in self._in_flight.values()}
        for row in rows:
            self.after_id = row.row_id
            if row.row_id not in flying and row.row_id not in self._unmarked:
                self._waiting.append(row)

    def next_row(self) -> OutboxRow | None:
        """The row to send now, None when there is none or it has to wait; sent() or put_back() follows."""
        flying = {flight.row.event_id for flight in self._in_flight.values()}
        while self._waiting and self._has_room:
            row = self._waiting[0]
            if row.event_id in flying:
                return None
            self._waiting.popleft()
            held = self._held.get(row.event_id)
            if held is None or held.until_s is None:
                return row
            # Not lost: release_due() has the outbox read again.
        return None

    def sent(self, token: Token, row: OutboxRow, now_s: float) -> None:
        self._in_flight[token] = _InFlight(row, now_s)

    def put_back(self, row: OutboxRow) -> None:
        """It could not be sent after all."""
        self._waiting.appendleft(row)

    def acknowledged(self, token: Token, reason: int, now_s: float) -> Outcome:
        """The broker's answer to a row in flight; an accepted row joins `to_mark`."""
        flight = self._in_flight.pop(token, None)
        if flight is None:
            return Outcome.STALE
        if reason >= FIRST_REFUSAL:
            self.refused(flight.row, now_s)
            return Outcome.REFUSED
        self._held.pop(flight.row.event_id, None)
        self._unmarked.add(flight.row.row_id)
        return Outcome.ACCEPTED_UNHEARD if reason == NO_MATCHING_SUBSCRIBERS else Outcome.ACCEPTED

    def refused(self, row: OutboxRow, now_s: float) -> None:
        """Hold this row's event back for a while."""
        held = self._held.setdefault(row.event_id, _Held(0, None))
        delay_s = min(self._most_retry_s, self._first_retry_s * 2.0 ** min(held.refusals, 30))
        held.refusals += 1
        held.until_s = now_s + delay_s

    def release_due(self, now_s: float) -> None:
        """Let events whose time has come be tried again, in their old order."""
        due = [held for held in self._held.values() if held.until_s is not None and held.until_s <= now_s]
        for held in due:
            held.until_s = None
        if due:
            self._read_again()

    def connection_lost(self) -> None:
        """What was not acknowledged goes again, also what was held: another broker may judge otherwise."""
        self._in_flight.clear()
        self._held.clear()
        self._read_again()

    def limit(self, receive_maximum: int) -> None:
        """What the broker allows in flight on this connection."""
        self._receive_maximum = max(1, receive_maximum)

    @property
    def to_mark(self) -> tuple[int, ...]:
        """Accepted rows the outbox does not know of yet, in order of commit."""
        return tuple(sorted(self._unmarked))

    def marked(self, row_ids: Iterable[int]) -> None:
        self._unmarked.difference_update(row_ids)

    def oldest_in_flight_s(self, now_s: float) -> float:
        """How long the first unanswered row has been waiting, 0 without one."""
        return max((now_s - flight.since_s for flight in self._in_flight.values()), default=0.0)

    def next_due_s(self) -> float | None:
        """When release_due() has something to do."""
        return min((held.until_s for held in self._held.values() if held.until_s is not None), default=None)

    @property
    def _has_room(self) -> bool:
        return (
            len(self._in_flight) < min(self._most, self._receive_maximum)
            and len(self._unmarked) < MOST_UNMARKED
            and sum(held.until_s is not None for held in self._held.values()) < MOST_HELD
        )

    def _read_again(self) -> None:
        self._waiting.clear()
        self.after_id = 0
