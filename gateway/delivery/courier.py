"""What the publisher's thread does in one round, without the thread: rows to brokers, answers to rows.

Numbers are given just before a row can leave for the first time. Alerts leave by the active path alone;
states, heartbeats and answers use every path. A row that a receiver does not confirm in time goes again,
every other time by the other path. A path that owes answers and gives none is left: soon if there is another,
else for a new connection to the same broker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count

from gateway.alerts import clock_of
from gateway.clock import HostClock
from gateway.contract.encoding import encode
from gateway.contract.instants import utc_text
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import (
    Alert,
    DeliveryHealth,
    Heartbeat,
    PathHealth,
    Receipt,
)
from gateway.contract.vocabulary import SCHEMA_VERSION, ClockState, Lane
from gateway.delivery.broker_link import Acknowledged, AnswerTo, Heard, LinkState, NotSent, Token
from gateway.delivery.choice import choose_path
from gateway.delivery.courier_counts import CourierCounts
from gateway.delivery.disk_watch import DiskWatch
from gateway.delivery.outbox import Outbox, OutboxRow
from gateway.delivery.path import Path
from gateway.delivery.path_faults import PathFault, disk_fault, link_faults, records_fault
from gateway.delivery.receipt_book import ReceiptBook
from gateway.delivery.record_store import Record, RecordStore
from gateway.delivery.requests import Asked, Inward, NobodyInward, RequestDesk, understand
from gateway.delivery.row_counter import RowCounter
from gateway.delivery.selftest import SelftestSchedule
from gateway.delivery.side_mail import RecordMail, UnstoredAlerts
from gateway.delivery.stamping import Stamper
from gateway.delivery.window import Candidate, DeliveryWindow, Outcome, WindowRules
from gateway.time_labels import worth_keeping

FETCH_ROWS = 256
HOUR_S = 3600.0
CLOCK_EVERY_S = 5.0

TestAlerts = Callable[[], Sequence[Alert]]
"""The revisions of one new test alert, in order."""


@dataclass(frozen=True, slots=True)
class CourierRules:
    """silent_s: a broker that owes answers for longer is left. failover_s: the same where there is another.

    keep_hours, keep_rows: delivered rows are kept for requests, in hours of service and by count.
    """

    receivers: tuple[str, ...] = ()
    heartbeat_s: float = 2.0
    historical_after_s: float = 30.0
    test_every_s: float = 0.0
    window: WindowRules = field(default_factory=WindowRules)
    silent_s: float = 5.0
    failover_s: float = 2.0
    settled_s: float = 30.0
    keep_hours: int = 168
    keep_rows: int = 10_000
    prune_every_s: float = 60.0


class Courier:
    """Owned by one thread. paths: in order of preference."""

    def __init__(
        self,
        outbox: Outbox,
        records: RecordStore,
        paths: Sequence[Path],
        topics: TopicBuilder,
        clock: HostClock,
        test_alerts: TestAlerts,
        rules: CourierRules,
        inward: Inward | None = None,
    ) -> None:
        now_s = clock.monotonic_s()
        self._outbox = outbox
        self._paths = {path.name: path for path in paths}
        self._active = paths[0].name
        self._topics = topics
        self._clock = clock
        self._test_alerts = test_alerts
        self._rules = rules
        self._boots = outbox.boots()
        self._stamper = Stamper(
            clock, clock.boot_id(), outbox.numbering, rules.historical_after_s, self._boots
        )
        self._window = DeliveryWindow(rules.window)
        self._tests = SelftestSchedule(rules.test_every_s, now_s)
        self._book = ReceiptBook(
            outbox,
            self._window,
            self._tests,
            rules.receivers,
            rules.heartbeat_s,
            rules.window.first_retry_s,
        )
        self._counter = RowCounter(outbox, self._window, self._stamper)
        self._inward = inward or NobodyInward()
        again, ask_test = self._window.ask_again, lambda: self._tests.ask(clock.monotonic_s())
        self._desk = RequestDesk(topics, outbox, self._stamper.alert, again, ask_test, self._inward)
        self._unstored = UnstoredAlerts(topics, self._stamper.unstored)
        self._records = RecordMail(records)
        self._beats = count()
        self._prune_at_s = now_s
        self._hour_at_s = now_s + HOUR_S
        self._clock_at_s = now_s
        self._down_since_s = dict.fromkeys(self._paths, now_s)
        self._disk = DiskWatch()
        self.last_round = False
        """The gateway stops: no more tests and no more tidying up."""
        self.counts = CourierCounts()

    @property
    def idle(self) -> bool:
        """Nothing left to send that this connection could still take."""
        own = all(path.idle for path in self._paths.values() if path.connected)
        return self._window.idle and own and self._unstored.idle and self._counter.idle

    def link_changed(self, state: LinkState, now_s: float) -> None:
        path = self._paths[state.path]
        was = path.state
        if was.connected != state.connected:
            self._down_since_s[path.name] = now_s
        broken = was.connected and (not state.connected or was.generation != state.generation)
        path.changed(state, now_s)
        if broken:
            self._unstored.lost(path.name)
            self._records.lost(path.name)
        if broken and (path.name == self._active or self._window.in_flight_on(path.name)):
            self._window.start_over()
        if state.connected:
            self._book.connected(now_s)
            if path.name == self._active:
                self._window.start_over()
        elif not any(one.connected for one in self._paths.values()):
            self._book.disconnected()

    def acknowledged(self, answer: Acknowledged, now_s: float) -> None:
        path = self._paths[answer.token.path]
        if path.acknowledged(answer, now_s):
            return
        if self._unstored.acknowledged(answer.token) or self._records.acknowledged(answer.token, now_s):
            return
        outcome, candidate = self._window.acknowledged(answer.token, answer.reason, now_s)
        if outcome in (Outcome.ACCEPTED, Outcome.ACCEPTED_UNHEARD):
            self.counts.alerts_acknowledged += 1
            self.counts.alerts_unheard += outcome is Outcome.ACCEPTED_UNHEARD
            if candidate is not None and not self._rules.receivers:
                self._tests.delivered(candidate.row.event_id, candidate.row.revision, now_s)
        self.counts.alerts_refused += outcome is Outcome.REFUSED

    def keep(self, records: Iterable[Record]) -> None:
        self._records.keep(records, self._clock.monotonic_s())

    def take_unstored(self, alerts: Iterable[Alert]) -> None:
        self._unstored.take(alerts)

    def hear(self, heard: Iterable[Heard], now_s: float) -> None:
        """Receipts, requests and neighbours' alerts, in order of arrival."""
        for one in heard:
            understood = understand(one, self._topics)
            if isinstance(understood, Receipt):
                self.counts.receipts_unknown += not self._book.receipt(understood, now_s)
            elif isinstance(understood, Asked):
                self._answer(understood, self._paths[one.path])
            elif understood is not None:
                self._inward.neighbour(understood)
        with self._disk.watching(now_s):
            self.counts.alerts_received += self._book.note(now_s)

    def send(self, now_s: float) -> None:
        """Alerts first, then signs of life, then states, then records."""
        self._choose(now_s)
        active = self._paths[self._active]
        if active.connected:
            if self._tests.due(now_s) and not self.last_round:
                self._begin_test(now_s)
            with self._disk.watching(now_s):
                self._counter.give_numbers()
        with self._disk.watching(now_s):
            self._mark(now_s)
        self._window.release_due(now_s)
        if active.connected:
            self._unstored.send(active, now_s)
            self._send_alerts(active, now_s)
        for path in self._paths.values():
            path.send_beat(self._topics.heartbeat, self._beat, self._rules.heartbeat_s, now_s)
            path.send_own(now_s)
        if active.connected and not self._window.in_flight:
            self._records.send(active, active.board.next_rank(), now_s)
        self._leave_silent_brokers(now_s)
        self._tidy(now_s)
        self._disk.round_over(now_s)
        self.counts.alerts_unstored = self._unstored.published
        self.counts.records_published, self.counts.records_shed = self._records.published, self._records.shed

    def next_due_s(self) -> float | None:
        """When send() has something to do though nothing came in."""
        beats = [path.next_beat_s() for path in self._paths.values()]
        may_test = self._paths[self._active].connected and not self.last_round
        due = [*beats, self._window.next_due_s(), self._tests.next_due_s() if may_test else None]
        return min((due_s for due_s in due if due_s is not None), default=None)

    def faults(self, now_s: float) -> tuple[PathFault, ...]:
        """What is wrong on the way now."""
        links = [(path.state, self._down_since_s[name]) for name, path in self._paths.items()]
        found = [*link_faults(links, now_s), *self._book.faults(now_s)]
        if self._disk.fault is not None:
            found.append(disk_fault(*self._disk.fault))
        if self._records.fault is not None:
            found.append(records_fault(*self._records.fault))
        return tuple(found)

    def health(self, now_s: float) -> DeliveryHealth:
        """How delivery stands, for the gateway's health."""
        paths = tuple(
            PathHealth(path=name, connected=path.connected, active=name == self._active)
            for name, path in self._paths.items()
        )
        return self._book.health(paths, now_s)

    def _choose(self, now_s: float) -> None:
        sights = {
            name: path.sight(self._silent_s(path, now_s), self._rules.failover_s, now_s)
            for name, path in self._paths.items()
        }
        chosen = choose_path(self._active, sights, now_s, settled_s=self._rules.settled_s)
        if chosen == self._active:
            return
        self.counts.failovers += 1
        if not sights[self._active].good:
            # Nobody knows what of it came through; a planned change sends nothing again.
            self._window.start_over()
            self._unstored.lost(self._active)
        self._active = chosen

    def _send_alerts(self, active: Path, now_s: float) -> None:
        most = active.state.receive_maximum
        others = active.unanswered - self._window.in_flight_on(active.name)
        most -= max(others, min(1, most - 1))  # one is kept for beats and states
        if most < 1:
            return
        self._window.limit(most)
        while True:
            self._fetch()
            candidate = self._window.next_row()
            if candidate is None:
                return
            row = self._outbox.row(candidate.row.row_id)
            if row is None or (row.delivered and not candidate.asked):
                self._window.forget(candidate)
                continue
            if candidate.asked and not row.delivered and not self._window.has_sent(row.row_id):
                continue  # it has not left yet and comes in its turn, after earlier revisions of its event
            path = self._way(candidate, active)
            token = self._publish(path, row)
            if token is NotSent.OFFLINE:
                self._window.put_back(candidate)
                return
            if isinstance(token, NotSent):
                self._window.refused(candidate, now_s)
                self.counts.alerts_refused += 1
                continue
            self._window.sent(token, candidate, now_s)
            self.counts.alerts_published += 1
            self.counts.alerts_sent_again += bool(candidate.attempt or candidate.asked)

    def _fetch(self) -> None:
        for lane in Lane:
            if self._window.wants_rows(lane):
                rows = self._outbox.undelivered(lane, self._window.after_id[lane], FETCH_ROWS)
                self._window.add(lane, rows)

    def _way(self, candidate: Candidate, active: Path) -> Path:
        """Every other attempt goes by the other path: a broker may take alerts and pass on none."""
        if candidate.attempt % 2:
            for other in self._paths.values():
                kept = min(1, other.state.receive_maximum - 1)
                if other is not active and other.connected and other.room > kept:
                    return other
        return active

    def _publish(self, path: Path, row: OutboxRow) -> Token | NotSent:
        answer_to = AnswerTo(self._topics.receipt, f"{row.event_id}:{row.revision}".encode())
        return path.publish_alert(row.topic, self._stamper.stamped(row), answer_to)

    def _answer(self, asked: Asked, path: Path) -> None:
        stranger = self._rules.receivers and asked.request.receiver not in self._rules.receivers
        if stranger:
            self.counts.receipts_unknown += 1
            self._book.stranger(asked.request.receiver, self._clock.monotonic_s())
        if not path.takes_answers:
            path.counts.answers_dropped += 1  # not even looked up: a flood must not keep alerts waiting
            return
        if stranger:
            path.put_answer(self._desk.refuse_stranger(asked))
            return
        with self._disk.watching(self._clock.monotonic_s()):
            for posting in self._desk.answer(asked):
                path.put_answer(posting)
            self.counts.requests_answered += 1

    def _begin_test(self, now_s: float) -> None:
        alerts = self._test_alerts()
        made = self._clock.instant()
        if not alerts:
            self._tests.skipped(now_s)
            return
        with self._disk.watching(now_s):
            for alert in alerts:
                self._outbox.commit(
                    encode(alert),
                    alert.event_id,
                    alert.revision,
                    self._topics.event(alert.event_class),
                    alert.phase.value,
                    boot_id=made.boot_id,
                    monotonic_s=made.monotonic_s,
                    utc_offset_s=made.utc_offset_s,
                )
        self._tests.begun(alerts[0].event_id, len(alerts), alerts[0].detected_utc, now_s)

    def _beat(self) -> bytes:
        quality = self._clock.quality()
        return encode(
            Heartbeat(
                schema=SCHEMA_VERSION,
                site=self._topics.site,
                gateway=self._topics.gateway,
                boot_id=self._stamper.boot_id,
                beat=next(self._beats),
                interval_s=self._rules.heartbeat_s,
                numbering=self._outbox.numbering,
                live_seq=self._counter.last[Lane.LIVE],
                historical_seq=self._counter.last[Lane.HISTORICAL],
                published_utc=utc_text(self._clock.utc().timestamp()),
                clock=clock_of(ClockState(quality.state), quality.error_ms),
            )
        )

    def _silent_s(self, path: Path, now_s: float) -> float:
        rows_s = self._window.oldest_in_flight_s(now_s, path.name)
        return path.silent_s(max(rows_s, self._unstored.oldest_in_flight_s(path.name, now_s)), now_s)

    def _leave_silent_brokers(self, now_s: float) -> None:
        """A broker that keeps the connection and answers nothing is left for a new connection."""
        for path in self._paths.values():
            if path.connected and self._silent_s(path, now_s) > self._rules.silent_s:
                path.drop(f"no acknowledgement in {self._rules.silent_s:g} s")

    def _mark(self, now_s: float) -> None:
        """A mark that fails (a full disk) is tried again; until then this process remembers what has left."""
        acknowledged = self._window.to_mark_acknowledged(now_s)
        if acknowledged:
            self._outbox.mark_acknowledged(acknowledged, delivered=False)
        delivered = () if self._rules.receivers else self._window.to_mark
        if delivered:
            self._outbox.mark_acknowledged(delivered, delivered=True)
            self._window.marked(delivered)

    def _tidy(self, now_s: float) -> None:
        if now_s >= self._clock_at_s:
            self._clock_at_s = now_s + CLOCK_EVERY_S
            self.remember_clock(now_s)
        if self.last_round or now_s < self._prune_at_s:
            return
        self._prune_at_s = now_s + self._rules.prune_every_s
        with self._disk.watching(now_s):
            if now_s >= self._hour_at_s:
                self._hour_at_s += HOUR_S
                self._outbox.count_hour()
                self._records.count_hour(self._rules.keep_hours, now_s)
            self._outbox.prune(self._rules.keep_hours, self._rules.keep_rows)

    def remember_clock(self, now_s: float) -> None:
        """Keep how UTC lies to this boot's clock, for what will still wait after a restart."""
        known = self._clock.known()
        if worth_keeping(self._boots.get(known.boot_id), known):
            with self._disk.watching(now_s):
                self._outbox.remember_boot(known)
                self._boots[known.boot_id] = known


__all__ = ["Courier", "CourierCounts", "CourierRules", "TestAlerts"]
