"""Which alert goes out next, and what an answer means for it. No I/O, no clock: the time is an argument.

Theory of operation. Rows come from the outbox in order of commit, each in its lane, and leave in that order,
up to `most_in_flight` of them without the broker's acknowledgement; a row of the live lane always goes before
one of the historical lane. Of one event only one revision is in flight at a time; the next waits for the
broker's answer, and everything behind it in its lane waits too. So a broken connection can only lose a tail,
and sending again from the first undelivered row never turns two revisions around.

An acknowledged row is not delivered yet when receivers are named: it stays "in play" until all of them have
told that they have it, and is sent again after `first_retry_s`, then at doubling intervals. While the
historical lane has `most_unreceived` rows in play it waits, so that a backlog drains at the pace of the
receivers.

A row that the broker refuses (a PUBACK of 0x80 or more) holds back its event only, and is tried again at
growing intervals: it must neither be lost nor stand in the way of others.

The window is a cache of the outbox: `start_over` empties it, and the undelivered rows are read again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from gateway.contract.vocabulary import Lane
from gateway.delivery.broker_link import FIRST_REFUSAL, NO_MATCHING_SUBSCRIBERS, Token
from gateway.delivery.outbox import RowKey

MOST_HELD = 1000
MOST_UNMARKED = 1000
MOST_IN_PLAY = 20_000
MOST_AGAIN = 2000
JUST_SENT_S = 2.0


class Outcome(Enum):
    """What became of a row that was in flight."""

    ACCEPTED = "accepted"
    ACCEPTED_UNHEARD = "the broker took it, but nobody is subscribed"
    REFUSED = "refused"
    STALE = "an answer to a message that is no longer in flight"


@dataclass(frozen=True, slots=True)
class WindowRules:
    """receivers: whose word counts; empty: the broker's acknowledgement is delivery."""

    receivers: frozenset[str] = frozenset()
    most_in_flight: int = 8
    most_unreceived: int = 64
    first_retry_s: float = 10.0
    most_retry_s: float = 600.0
    first_refused_s: float = 1.0
    most_refused_s: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.most_in_flight <= 16:
            raise ValueError(f"{self.most_in_flight} rows in flight: 1 to 16")


@dataclass(frozen=True, slots=True)
class Candidate:
    """The row to send now. attempt: 0 the first time; asked: a receiver asked to have it again."""

    row: RowKey
    lane: Lane
    attempt: int = 0
    asked: bool = False


@dataclass(slots=True)
class _InPlay:
    """A row that was sent and is not delivered. due_s: when to send it again, None while it is in flight."""

    candidate: Candidate
    first_s: float
    sent_s: float
    due_s: float | None = None
    acknowledged_s: float | None = None  # until the outbox knows
    told: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Held:
    refusals: int
    until_s: float | None  # None: may be tried now


class DeliveryWindow:
    """The rows between outbox and receivers."""

    def __init__(self, rules: WindowRules | None = None) -> None:
        self._rules = rules or WindowRules()
        self._receive_maximum = self._rules.most_in_flight
        self._waiting: dict[Lane, deque[RowKey]] = {lane: deque() for lane in Lane}
        self._again: deque[Candidate] = deque()
        self._due: deque[Candidate] = deque()
        self._in_play: dict[int, _InPlay] = {}
        self._playing: dict[Lane, int] = dict.fromkeys(Lane, 0)
        self._ids: dict[tuple[str, int], int] = {}
        self._tokens: dict[Token, Candidate] = {}
        self._held: dict[str, _Held] = {}
        self._unmarked: set[int] = set()
        self._now_s = 0.0
        self.after_id: dict[Lane, int] = dict.fromkeys(Lane, 0)

    @property
    def in_flight(self) -> int:
        return len(self._tokens)

    @property
    def idle(self) -> bool:
        """Nothing in flight, in play, read and waiting, held back, or to be marked."""
        waiting = any(self._waiting.values()) or self._again or self._due or self._held_back
        return not (self._tokens or self._in_play or waiting or self._unmarked)

    def wants_rows(self, lane: Lane) -> bool:
        """Read on from after_id[lane]."""
        return not self._waiting[lane] and self._may_send(lane)

    def add(self, lane: Lane, rows: Sequence[RowKey]) -> None:
        """Rows read from the outbox, in order, with ids above after_id[lane]."""
        for row in rows:
            self.after_id[lane] = row.row_id
            if row.row_id not in self._in_play and row.row_id not in self._unmarked:
                self._waiting[lane].append(row)

    def add_unnumbered(self, rows: Sequence[RowKey]) -> None:
        """Rows that could not be numbered (a full disk) but leave all the same; no lane will give them.

        They may be offered again and again. Once they have numbers, read_again() has the lanes give them.
        """
        waiting = self._waiting[Lane.LIVE]
        known = {row.row_id for row in waiting} | self._in_play.keys() | self._unmarked
        waiting.extend(row for row in rows if row.row_id not in known)

    def ask_again(self, lane: Lane, rows: Iterable[RowKey]) -> int:
        """Rows that a receiver misses, sent once more, delivered or not; how many there was room for."""
        taken = 0
        for row in rows:
            if len(self._again) >= MOST_AGAIN:
                break
            self._again.append(Candidate(row, lane, asked=True))
            taken += 1
        return taken

    def next_row(self) -> Candidate | None:
        """The row to send now, None when there is none or it has to wait; sent() or put_back() follows.

        What was not received goes before a newer revision of its event, else after the live rows.
        """
        while self._due and self._due[0].row.row_id not in self._in_play:
            self._due.popleft()
        flying = {candidate.row.event_id for candidate in self._tokens.values()}
        live = self._head(Lane.LIVE, flying)
        if live is not None:
            return live
        for queue in (self._due, self._again):
            if queue and self._may_fly and queue[0].row.event_id not in flying:
                return queue.popleft()
        return self._head(Lane.HISTORICAL, flying)

    def sent(self, token: Token, candidate: Candidate, now_s: float) -> None:
        self._tokens[token] = candidate
        row_id = candidate.row.row_id
        known = self._in_play.get(row_id)
        if known is not None:
            known.sent_s = now_s
            if not candidate.asked:  # a copy that was asked for changes nothing of when it goes again
                known.candidate, known.due_s = candidate, None
        elif not candidate.asked:
            self._in_play[row_id] = _InPlay(candidate, now_s, now_s)
            self._playing[candidate.lane] += 1
            self._ids[candidate.row.event_id, candidate.row.revision] = row_id

    def has_sent(self, row_id: int) -> bool:
        """The row was sent and is not delivered."""
        return row_id in self._in_play

    def forget(self, candidate: Candidate) -> None:
        """It turned out to be delivered, or is no longer kept."""
        self._leave_play(candidate.row)

    def put_back(self, candidate: Candidate) -> None:
        """It could not be sent after all."""
        if candidate.asked:
            self._again.appendleft(candidate)
        elif candidate.attempt:
            self._due.appendleft(candidate)
        else:
            self._waiting[candidate.lane].appendleft(candidate.row)

    def acknowledged(self, token: Token, reason: int, now_s: float) -> tuple[Outcome, Candidate | None]:
        """The broker's answer to a row in flight, and which row that was."""
        candidate = self._tokens.pop(token, None)
        if candidate is None:
            return Outcome.STALE, None
        if reason >= FIRST_REFUSAL:
            self.refused(candidate, now_s)
            return Outcome.REFUSED, candidate
        held = self._held.get(candidate.row.event_id)
        if held is not None and held.until_s is None:  # else it was another revision that was refused
            del self._held[candidate.row.event_id]
        playing = self._in_play.get(candidate.row.row_id)
        if playing is not None:
            if not self._rules.receivers:
                self._delivered(candidate.row)
            elif not candidate.asked:
                playing.due_s = playing.sent_s + self._retry_s(candidate.attempt)
                playing.acknowledged_s = now_s
        unheard = reason == NO_MATCHING_SUBSCRIBERS
        return Outcome.ACCEPTED_UNHEARD if unheard else Outcome.ACCEPTED, candidate

    def told(self, event_id: str, revision: int, receiver: str) -> int | None:
        """A receiver has this revision; the row's id if that makes a row in play delivered."""
        row_id = self._ids.get((event_id, revision))
        playing = None if row_id is None else self._in_play.get(row_id)
        if row_id is None or playing is None:
            return None
        playing.told.add(receiver)
        if not self._rules.receivers <= playing.told:
            return None
        self._delivered(playing.candidate.row)
        return row_id

    def refused(self, candidate: Candidate, now_s: float) -> None:
        """Hold this row's event back for a while."""
        if candidate.asked:
            return  # whoever asked will ask again
        self._leave_play(candidate.row)
        held = self._held.setdefault(candidate.row.event_id, _Held(0, None))
        delay_s = min(self._rules.most_refused_s, self._rules.first_refused_s * 2.0 ** min(held.refusals, 30))
        held.refusals += 1
        held.until_s = now_s + delay_s

    def release_due(self, now_s: float) -> None:
        """Let what was held back, or was not received in time, go again in its old order."""
        self._now_s = now_s
        held = [held for held in self._held.values() if held.until_s is not None and held.until_s <= now_s]
        for event in held:
            event.until_s = None
        if held:
            self.read_again()
        late = [one for one in self._in_play.values() if one.due_s is not None and one.due_s <= now_s]
        for one in sorted(
            late, key=lambda one: (one.candidate.lane is not Lane.LIVE, one.candidate.row.row_id)
        ):
            one.due_s = None
            row = one.candidate
            self._due.append(Candidate(row.row, row.lane, row.attempt + 1))

    def all_due(self, now_s: float) -> None:
        """A receiver is back: what it has not told of goes again now, not when its time has come.

        What was sent a moment ago is given that moment: its receipt may be on the way, or it came too early.
        """
        for one in self._in_play.values():
            if one.due_s is not None:
                one.due_s = min(one.due_s, max(now_s, one.sent_s + JUST_SENT_S))

    def start_over(self) -> None:
        """Everything undelivered goes again, what was held too: another broker may judge otherwise."""
        self._tokens.clear()
        self._in_play.clear()
        self._playing = dict.fromkeys(Lane, 0)
        self._ids.clear()
        self._due.clear()
        self._held.clear()
        self.read_again()

    def read_again(self) -> None:
        """Have the outbox give what is not delivered and not in play from the first row on."""
        for lane in Lane:
            self._waiting[lane].clear()
            self.after_id[lane] = 0

    def limit(self, receive_maximum: int) -> None:
        """What the broker allows in flight on this connection."""
        self._receive_maximum = max(1, receive_maximum)

    def in_flight_on(self, path: str) -> int:
        """Rows without the broker's acknowledgement on this path."""
        return sum(token.path == path for token in self._tokens)

    def to_mark_acknowledged(self, now_s: float, after_s: float = 5.0) -> tuple[int, ...]:
        """Rows that the broker has but not every receiver, for after_s at least; each is given once."""
        found = []
        for row_id, one in self._in_play.items():
            if one.acknowledged_s is not None and now_s - one.acknowledged_s >= after_s:
                one.acknowledged_s = None
                found.append(row_id)
        return tuple(found)

    @property
    def to_mark(self) -> tuple[int, ...]:
        """Delivered rows the outbox does not know of yet, in order of commit."""
        return tuple(sorted(self._unmarked))

    def marked(self, row_ids: Iterable[int]) -> None:
        self._unmarked.difference_update(row_ids)

    def unreceived(self, now_s: float, longer_than_s: float) -> dict[str, int]:
        """Receiver -> how many rows it has not told of that were first sent longer ago than that."""
        late = [one for one in self._in_play.values() if now_s - one.first_s > longer_than_s]
        return {name: sum(name not in one.told for one in late) for name in self._rules.receivers}

    def oldest_in_flight_s(self, now_s: float, path: str | None = None) -> float:
        """How long the first row without the broker's answer has been waiting, 0 without one."""
        since_s = [
            self._in_play[candidate.row.row_id].sent_s
            for token, candidate in self._tokens.items()
            if path in (None, token.path) and candidate.row.row_id in self._in_play
        ]
        return now_s - min(since_s) if since_s else 0.0

    def next_due_s(self) -> float | None:
        """When release_due() has something to do."""
        held = (one.until_s for one in self._held.values())
        late = (one.due_s for one in self._in_play.values())
        return min((due_s for due_s in (*held, *late) if due_s is not None), default=None)

    def _head(self, lane: Lane, flying: set[str]) -> Candidate | None:
        """The first row of a lane that may go, or an earlier revision of its event that was not received."""
        waiting = self._waiting[lane]
        while waiting and self._may_send(lane):
            row = waiting[0]
            if row.event_id in flying:
                return None
            late = self._late(row)
            if late is not None:
                return late
            waiting.popleft()
            held = self._held.get(row.event_id)
            if held is None or held.until_s is None:
                return Candidate(row, lane)
            # Not lost: release_due() has the outbox read again.
        return None

    def _late(self, row: RowKey) -> Candidate | None:
        """An earlier revision of this event that should have been received by now: it goes first.

        So a receiver that is back meets the start of an event before what came after it.
        """
        for candidate in self._due:
            if candidate.row.event_id == row.event_id and candidate.row.row_id in self._in_play:
                self._due.remove(candidate)
                return candidate
        for revision in range(row.revision):
            one = self._in_play.get(self._ids.get((row.event_id, revision), 0))
            if one is not None and one.due_s is not None and self._now_s - one.sent_s > JUST_SENT_S:
                one.due_s = None
                return Candidate(one.candidate.row, one.candidate.lane, one.candidate.attempt + 1)
        return None

    def _delivered(self, row: RowKey) -> None:
        self._leave_play(row)
        self._unmarked.add(row.row_id)

    def _leave_play(self, row: RowKey) -> None:
        playing = self._in_play.pop(row.row_id, None)
        if playing is not None:
            self._playing[playing.candidate.lane] -= 1
        self._ids.pop((row.event_id, row.revision), None)

    def _retry_s(self, attempt: int) -> float:
        return min(self._rules.most_retry_s, self._rules.first_retry_s * 2.0 ** min(attempt, 30))

    @property
    def _may_fly(self) -> bool:
        """The broker takes one more. All that a repetition needs: it makes the window no fuller."""
        return len(self._tokens) < min(self._rules.most_in_flight, self._receive_maximum)

    @property
    def _held_back(self) -> int:
        return sum(held.until_s is not None for held in self._held.values())

    @property
    def _has_room(self) -> bool:
        return (
            self._may_fly
            and len(self._unmarked) < MOST_UNMARKED
            and len(self._in_play) < MOST_IN_PLAY
            and self._held_back < MOST_HELD
        )

    def _may_send(self, lane: Lane) -> bool:
        if not self._has_room:
            return False
        if lane is Lane.LIVE:
            return True
        # One place in flight is kept free, so that a live alert never waits for a backlog's answer.
        most = max(1, min(self._rules.most_in_flight, self._receive_maximum) - 1)
        flying = sum(candidate.lane is lane for candidate in self._tokens.values())
        return self._playing[lane] < self._rules.most_unreceived and flying < most
