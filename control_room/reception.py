"""All that a receiver decides, on one thread, without a clock or a network of its own.

What the lines brought goes in by process(); tick() does what time brings. Alerts go through `commitment`,
numbers through `gaps`, heartbeats through `contacts`, states through `states`; what has to be published goes
out by `lines`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as changed
from typing import Protocol

from control_room.changes import BadMessage, Change, Ignored
from control_room.commitment import Boot, Commitment, Pending
from control_room.contacts import Contacts
from control_room.gaps import Gaps, ResendWanted
from control_room.inbox import Item
from control_room.incidents import Incident, IncidentBook
from control_room.ledger import Entry, Ledger
from control_room.line import LinePhase, LineState, Message, Sent, Taken
from control_room.notices import Arrival, ConfirmAnswered, EndUnheard, NotHeard, Notice
from control_room.numbers import LaneKey
from control_room.reading import Reading, is_ours, read
from control_room.receipts import Receipts
from control_room.states import States
from gateway.contract.encoding import encode
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert, GatewayStatus, Heartbeat, Request, Response, replace
from gateway.contract.vocabulary import SCHEMA_VERSION, Command, Presence, Result

CONTACT_EVERY_S = 5.0
END_COMES_WITHIN_S = 60.0  # after its gateway said that an event is not open
PAUSED_S = 2.0  # between ticks: this program was stopped, or a handler took its time
MOST_PARTS = 1000


_Name = tuple[str, str]  # site and gateway


class Lines(Protocol):
    """The lines to the brokers, by their paths."""

    def publish(self, path: str, topic: str, payload: bytes) -> Sent | None: ...

    def acknowledge(self, messages: Sequence[Message]) -> None: ...

    def renew(self, path: str) -> None: ...

    def drop(self, path: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Handlers:
    """on_change: states of gateways and sensors, and what was not understood, with the message itself."""

    on_alert: Callable[[Arrival], None]
    on_notice: Callable[[Notice], None] = lambda notice: None
    on_change: Callable[[Change, Message], None] = lambda change, message: None
    on_line: Callable[[LineState], None] = lambda state: None


@dataclass(frozen=True, slots=True)
class Part:
    """What this receiver does. confirms: gives receipts, asks for what is missing. asks: for what is open."""

    name: str
    confirms: bool = True
    asks: bool = True


@dataclass(slots=True)
class _OpenAsked:
    """A question what is open. unlisted: open here when it was asked, and not in the answer so far."""

    transaction: str
    unlisted: set[str]
    parts: set[int] = field(default_factory=set)


class Reception:
    def __init__(
        self,
        part: Part,
        ledger: Ledger,
        lines: Lines,
        paths: Sequence[str],
        handlers: Handlers,
        *,
        prefix: str,
        now_s: float,
        boot: Boot | None = None,
    ) -> None:
        """prefix: begins the names of this run's requests: no other run's answer is taken for ours."""
        self._part = part
        self._ledger = ledger
        self._lines = lines
        self._paths = tuple(paths)
        self._handlers = handlers
        self._prefix = prefix
        self._boot = boot or Boot()
        self._asked = 0
        self._open: dict[_Name, _OpenAsked] = {}
        self._over: dict[_Name, tuple[float, set[str]]] = {}  # when to close which events
        self._silent: set[_Name] = set()  # those told to be so
        self._connected: set[str] = set()
        self._refusals: set[str] = set()
        self._changes: list[tuple[Change, Message]] = []
        self._contact_noted_s = float("-inf")
        self._ticked_s = now_s
        self.states = States(paths)
        self.gaps = Gaps(ledger.lanes(), now_s)
        self.contacts = Contacts(self.gaps.gateways, now_s)
        self.receipts = Receipts(part.name)
        owe = self.receipts.owe if part.confirms else _owe_nothing
        self._confirming: dict[str, tuple[str, str, str]] = {}  # transaction: site, gateway, event
        self._book = IncidentBook()
        self._now_s = now_s
        self.commitment = Commitment(ledger, self._hand_over, handlers.on_notice, owe, self._boot)

    def begin(self, now_s: float) -> None:
        """Hand over what an earlier run left. Raises LedgerError."""
        for alert in self._ledger.open_events():
            self._book.take(alert)
        self.commitment.recover(now_s)

    def process(self, items: Sequence[Item], now_s: float) -> None:
        """What the lines brought, in order. Raises what a handler raises."""
        self._now_s = now_s
        messages: list[Message] = []
        arrived: list[Pending] = []
        for item in items:
            match item:
                case Message():
                    arrived += self._message(item, now_s)
                    messages.append(item)
                case LineState():
                    self._line(item, now_s)
                case Taken():
                    self._taken(item)
            if self._changes:  # in the order in which they came
                self._settle(arrived, messages, now_s)
                arrived, messages = [], []
                self._tell_changes()
        self._settle(arrived, messages, now_s)

    def tick(self, now_s: float) -> None:
        """What time brings. Raises what a handler raises."""
        if now_s - self._ticked_s > PAUSED_S:
            self.contacts.excuse(now_s)
        self._ticked_s = self._now_s = now_s
        for silent in self.contacts.poll(now_s):
            status = self.states.view.gateway(silent.site, silent.gateway)
            if status is None or status.state is Presence.ONLINE:  # else it is known to be gone
                self._silent.add((silent.site, silent.gateway))
                self._handlers.on_notice(silent)
        for quiet in self.contacts.quiet_lines(now_s):
            self._lines.drop(quiet)  # faster than its keep-alive finds out; if it was alive, no harm is done
        if self._part.asks:
            for name in self.contacts.to_ask(now_s):
                self._ask_open(name, now_s)
        reachable = self.contacts.reachable() if self._part.confirms else ()
        for wanted in self.gaps.poll(now_s, reachable):
            self._ask_resend(wanted, now_s)
        for name in self.gaps.take_unheard():
            path = self.contacts.path_to(*name)
            if (
                path is not None
            ):  # heartbeats come, and nothing else: the broker holds back what it has for us
                self._lines.renew(path)
        self._tell_gaps()
        self._settle([], [], now_s)
        self._close_what_is_over(now_s)
        if self._connected and now_s - self._contact_noted_s >= CONTACT_EVERY_S:
            self._contact_noted_s = now_s
            self.commitment.note_contact(self._connected, now_s)

    def confirm(self, incident: Incident) -> None:
        """A person confirms it: each gateway is asked by one of its open events; the answers are notices."""
        asked = dict(incident.open_events)  # the latest of each gateway
        for gateway, event_id in asked.items():
            transaction = self._transaction()
            request = replace(self._request((incident.site, gateway), transaction), event_id=event_id)
            if self._ask(Command.CONFIRM, request) and len(self._confirming) < MOST_PARTS:
                self._confirming[transaction] = (incident.site, gateway, event_id)

    def _hand_over(self, arrival: Arrival) -> None:
        step = self._book.take(arrival.alert, None if arrival.again else self._now_s)
        self._handlers.on_alert(changed(arrival, incident=step))

    def _message(self, message: Message, now_s: float) -> list[Pending]:
        reading = read(message.topic, message.payload, retained=message.retained)
        if isinstance(reading, BadMessage | Ignored):
            self.states.view.count(reading)
            self._changes.append((reading, message))
            return []
        match reading.payload:
            case Alert() as alert:
                return [self._alert(alert, message.payload, message.path, now_s)]
            case Heartbeat() as beat:
                self._beat(beat, message.path, now_s)
            case Response() as response:
                return self._response(reading, response, message.path, now_s)
            case payload if payload is None or is_ours(payload):
                self._changes += self.states.apply(reading.topic, message)
                if isinstance(payload, GatewayStatus) and payload.state is Presence.OFFLINE:
                    self.contacts.said_goodbye((payload.site, payload.gateway), message.path)
        return []

    def _alert(
        self, alert: Alert, payload: bytes, path: str, now_s: float, *, asked: bool = False
    ) -> Pending:
        if alert.seq is not None and alert.numbering is not None:
            key = LaneKey(alert.site, alert.gateway, alert.numbering, alert.lane)
            self.gaps.note(key, alert.seq, now_s)
        return Pending(Entry(alert, payload), path, asked)

    def _beat(self, beat: Heartbeat, path: str, now_s: float) -> None:
        heard = self.contacts.beat(beat, path, now_s)
        if heard is not None and (beat.site, beat.gateway) in self._silent:
            self._silent.discard((beat.site, beat.gateway))
            self._handlers.on_notice(heard)
        self.gaps.heard(beat, now_s)
        if self._part.confirms:
            answer = self.receipts.answer(beat.site, beat.gateway, beat.beat)
            self._lines.publish(path, TopicBuilder(beat.site, beat.gateway).receipt, encode(answer))

    def _response(self, reading: Reading, response: Response, path: str, now_s: float) -> list[Pending]:
        if response.receiver != self._part.name:
            return []
        if reading.topic.command is Command.RESEND:
            self.gaps.answered(response, now_s)
            return []
        if reading.topic.command is Command.CONFIRM:
            self._confirmed(response)
            return []
        asked = self._open.get((response.site, response.gateway))
        if reading.topic.command is not Command.OPEN or asked is None:
            return []
        if asked.transaction != response.transaction or response.result is not Result.OK:
            return []
        asked.unlisted.difference_update(one.event_id for one in response.alerts)
        if len(asked.parts) < MOST_PARTS:
            asked.parts.add(response.part)
        if len(asked.parts) >= response.parts:
            name = (response.site, response.gateway)
            del self._open[name]
            self.contacts.told_open(name)
            if asked.unlisted:
                self._over[name] = (now_s + END_COMES_WITHIN_S, asked.unlisted)
        return [self._alert(one, encode(one), path, now_s, asked=True) for one in response.alerts]

    def _confirmed(self, response: Response) -> None:
        asked = self._confirming.pop(response.transaction, None)
        if asked is not None:
            accepted = response.result is Result.OK
            self._handlers.on_notice(ConfirmAnswered(*asked, accepted, response.message))

    def _settle(self, arrived: Sequence[Pending], messages: Sequence[Message], now_s: float) -> None:
        self.commitment.lanes(*self.gaps.take_changes())
        if arrived or self.commitment.due(now_s):
            self.commitment.settle(arrived, now_s, lambda: self._lines.acknowledge(messages))
        else:
            self._lines.acknowledge(messages)
        for envelope in self.receipts.take(self._connected, self._paths):
            receipt = envelope.receipt
            topic = TopicBuilder(receipt.site, receipt.gateway).receipt
            sent = self._lines.publish(envelope.path, topic, encode(receipt))
            if sent is None:
                self.receipts.not_sent(envelope)
            else:
                self.receipts.sent(envelope, sent)
        self._tell_gaps()

    def _line(self, state: LineState, now_s: float) -> None:
        if state.phase is LinePhase.CONNECTED:
            if not self._connected:
                self.gaps.reconnected(now_s)
            self._connected.add(state.path)
            self._refusals.discard(state.path)
            self.contacts.line_up(state.path, now_s)
        elif state.path in self._connected:
            self._connected.discard(state.path)
            self.contacts.line_down(state.path)
            self.receipts.line_lost(state.path)
            self._changes += self.states.line_lost(state.path)
        self._handlers.on_line(state)

    def _taken(self, taken: Taken) -> None:
        self.receipts.taken(taken)
        if taken.refused and taken.sent.path not in self._refusals:
            self._refusals.add(taken.sent.path)
            self._handlers.on_notice(NotHeard(taken.sent.path, taken.reason))

    def _close_what_is_over(self, now_s: float) -> None:
        """The ends that did not come; an end that is only late has come by now, or is asked for."""
        for name in [name for name, (due_s, _) in self._over.items() if now_s >= due_s]:
            over = self.commitment.close_events(name, self._over.pop(name)[1])
            for event_id in sorted(over):
                self._handlers.on_notice(EndUnheard(*name, event_id))

    def _ask_open(self, name: _Name, now_s: float) -> None:
        transaction = self._transaction()
        if self._ask(Command.OPEN, self._request(name, transaction)):
            self._open[name] = _OpenAsked(transaction, self.commitment.open_ids(name))
        self.contacts.asked(name, now_s)

    def _ask_resend(self, wanted: ResendWanted, now_s: float) -> None:
        key, span = wanted.key, wanted.span
        transaction = self._transaction()
        request = Request(
            schema=SCHEMA_VERSION,
            site=key.site,
            gateway=key.gateway,
            receiver=self._part.name,
            transaction=transaction,
            numbering=key.numbering,
            lane=key.lane,
            first_seq=span.first,
            last_seq=span.last,
        )
        if self._ask(Command.RESEND, request):
            self.gaps.sent(wanted, transaction, now_s)

    def _ask(self, command: Command, request: Request) -> bool:
        path = self.contacts.path_to(request.site, request.gateway)
        topic = TopicBuilder(request.site, request.gateway).request(command)
        return path is not None and self._lines.publish(path, topic, encode(request)) is not None

    def _request(self, name: _Name, transaction: str) -> Request:
        return Request(
            schema=SCHEMA_VERSION,
            site=name[0],
            gateway=name[1],
            receiver=self._part.name,
            transaction=transaction,
        )

    def _transaction(self) -> str:
        self._asked += 1
        return f"{self._prefix}-{self._asked}"

    def _tell_changes(self) -> None:
        changes, self._changes = self._changes, []
        for change, message in changes:
            self._handlers.on_change(change, message)

    def _tell_gaps(self) -> None:
        for notice in self.gaps.take_told():
            self._handlers.on_notice(notice)


def _owe_nothing(_alert: Alert, _path: str) -> None:
    """Who only looks confirms nothing."""
