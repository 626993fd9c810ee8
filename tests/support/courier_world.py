"""A courier without threads or sockets: brokers, receivers, clock and disk do what the test says.

Messages stay in a link's pipe until the broker takes them, answers in its queue until they are given, and so
do receipts: a test (or chance) decides when, and what is lost.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath

from gateway.contract.encoding import decode, encode
from gateway.contract.types import Alert, Heartbeat, Receipt, Received, Request, Response
from gateway.contract.vocabulary import SCHEMA_VERSION, Command
from gateway.delivery.broker_link import (
    BACKUP,
    PRIMARY,
    Acknowledged,
    AnswerTo,
    Heard,
    LinkPhase,
    LinkState,
    NotSent,
    Token,
)
from gateway.delivery.courier import Courier, CourierRules, TestAlerts
from gateway.delivery.outbox import Outbox
from gateway.delivery.path import Path
from gateway.delivery.record_store import Record, RecordStore
from tests.support.adjustable_clock import AdjustableClock
from tests.support.alerts import TOPICS, commit


@dataclass(frozen=True, slots=True)
class Posted:
    """A message as the broker got it."""

    token: Token
    topic: str
    payload: bytes
    qos: int
    retained: bool

    @property
    def alert(self) -> Alert | None:
        if "/event/" not in self.topic:
            return None
        alert = decode(self.payload, Alert)
        return alert if isinstance(alert, Alert) else None


@dataclass(slots=True)
class ScriptedLink:
    """What the courier takes for a connection to a broker. A breach of the receive maximum fails the test."""

    path: str
    receive_maximum: int = 20
    maximum_packet_size: int = 1_000_000
    connected: bool = False
    generation: int = 0
    pipe: deque[Posted] = field(default_factory=deque)
    unanswered: set[Token] = field(default_factory=set)
    drops: list[str] = field(default_factory=list)
    _messages: int = 0

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool,
        generation: int,
        answer_to: AnswerTo | None = None,
    ) -> Token | NotSent:
        if not self.connected or generation != self.generation:
            return NotSent.OFFLINE
        if len(payload) > self.maximum_packet_size:
            return NotSent.TOO_LARGE
        self._messages += 1
        token = Token(self.generation, self._messages, self.path)
        if qos:
            self.unanswered.add(token)
            assert len(self.unanswered) <= self.receive_maximum, "more in flight than the broker allows"
        self.pipe.append(Posted(token, topic, payload, qos, retain))
        return token

    def drop(self, because: str) -> None:
        self.drops.append(because)


class KeptInward:
    """What would go on to the pipeline."""

    def __init__(self) -> None:
        self.neighbours: list[Alert] = []
        self.confirmed: list[str] = []

    def neighbour(self, alert: Alert) -> None:
        self.neighbours.append(alert)

    def confirm(self, event_id: str) -> None:
        self.confirmed.append(event_id)


class World:
    """backup: whether there is a second broker. `now_s` is the gateway's monotonic clock."""

    def __init__(
        self,
        folder: FilePath,
        rules: CourierRules | None = None,
        *,
        backup: bool = False,
        receive_maximum: int = 20,
        test_alerts: TestAlerts = lambda: (),
        records_bytes: int = 1_000_000,
    ) -> None:
        self.folder = folder
        self.rules = rules or CourierRules()
        self.clock = AdjustableClock()
        self.store = Outbox.open(folder / "outbox.db", durable=False)
        self.links = {
            name: ScriptedLink(name, receive_maximum) for name in (PRIMARY, BACKUP)[: 1 + int(backup)]
        }
        self.took: list[Posted] = []
        self.inward = KeptInward()
        self._test_alerts = test_alerts
        self._records_bytes = records_bytes
        self._unstored: list[Alert] = []
        self._records: list[Record] = []
        self._heard: list[Heard] = []
        self.courier = self._begin()

    def _begin(self) -> Courier:
        self.outbox = Outbox.open(self.folder / "outbox.db", check=False, durable=False)
        self.records = RecordStore.open(self.folder / "records.db", self._records_bytes)
        self.paths = {name: Path(name, link, "mqtt://broker") for name, link in self.links.items()}  # type: ignore[arg-type]
        return Courier(
            self.outbox,
            self.records,
            list(self.paths.values()),
            TOPICS,
            self.clock,
            self._test_alerts,
            self.rules,
            self.inward,
        )

    @property
    def now_s(self) -> float:
        return self.clock.now_s

    def restart(self, boot: str | None = None) -> None:
        """The gateway ends without a word and starts again; boot: after a reboot of this name."""
        for name in self.links:
            self._cut(self.links[name])
        self.outbox.close()
        self.records.close()
        if boot is not None:
            self.clock.boot, self.clock.now_s = boot, 1.0
        self.courier = self._begin()

    def close(self) -> None:
        for opened in (self.outbox, self.records, self.store):
            opened.close()

    # What happens to the gateway.

    def connect(self, name: str = PRIMARY, *, hears: bool = True) -> None:
        link = self.links[name]
        link.connected, link.generation = True, link.generation + 1
        self._tell(link, LinkPhase.CONNECTED, hears=hears)

    def lose(self, name: str = PRIMARY) -> None:
        """The connection breaks: what was in the pipe is lost, and so are the answers."""
        link = self.links[name]
        self._cut(link)
        self._tell(link, LinkPhase.LOST)

    def _cut(self, link: ScriptedLink) -> None:
        link.connected = False
        link.pipe.clear()
        link.unanswered.clear()

    def _tell(self, link: ScriptedLink, phase: LinkPhase, *, hears: bool = True) -> None:
        state = LinkState(
            phase,
            link.generation,
            "mqtt://broker",
            receive_maximum=link.receive_maximum,
            maximum_packet_size=link.maximum_packet_size,
            hears=hears,
            path=link.path,
        )
        self.courier.link_changed(state, self.now_s)

    def commit(self, *alerts: Alert) -> None:
        for alert in alerts:
            assert commit(self.store, alert, self.clock) is not None

    def unstored(self, *alerts: Alert) -> None:
        self._unstored += alerts

    def record(self, *records: Record) -> None:
        self._records += records

    def hear(self, payload: Receipt | Request | Alert, topic: str | None = None, path: str = PRIMARY) -> None:
        self._heard.append(Heard(path, topic or TOPICS.receipt, encode(payload), False))

    def round(self, after_s: float = 0.0) -> None:
        """Time passes, then the courier does its work once."""
        self.clock.now_s += after_s
        heard, self._heard = self._heard, []
        unstored, self._unstored = self._unstored, []
        records, self._records = self._records, []
        self.courier.keep(records)
        self.courier.take_unstored(unstored)
        self.courier.hear(heard, self.now_s)
        self.courier.send(self.now_s)
        due_s = self.courier.next_due_s()
        assert due_s is None or due_s > self.now_s, "the courier would turn in circles"

    # What the broker does.

    def take(self, name: str = PRIMARY, most: int | None = None) -> list[Posted]:
        """The broker takes messages out of the pipe, in order."""
        pipe = self.links[name].pipe
        taken = [pipe.popleft() for _ in range(len(pipe) if most is None else min(most, len(pipe)))]
        self.took += taken
        return taken

    def answer(self, *posted: Posted, reason: int = 0) -> None:
        for one in posted:
            if one.qos:
                self.links[one.token.path].unanswered.discard(one.token)
            self.courier.acknowledged(Acknowledged(one.token, reason), self.now_s)

    def settle(self, *, answering: Callable[[Posted], bool] = lambda posted: True) -> list[Posted]:
        """Rounds without time passing until the gateway has nothing more to say; what the brokers got."""
        everything: list[Posted] = []
        while True:
            self.round()
            taken = [one for name in self.links for one in self.take(name)]
            if not taken:
                return everything
            everything += taken
            self.answer(*(one for one in taken if answering(one)))

    # What receivers do.

    def tell(self, receiver: str, *alerts: Alert, beat: int | None = None, path: str = PRIMARY) -> None:
        self.hear(receipt(receiver, *alerts, beat=beat), path=path)

    def ask(self, receiver: str, command: Command, path: str = PRIMARY, **fields: object) -> None:
        request = Request(
            schema=SCHEMA_VERSION,
            site=TOPICS.site,
            gateway=TOPICS.gateway,
            receiver=receiver,
            transaction="t-1",
            **fields,  # type: ignore[arg-type]
        )
        self.hear(request, TOPICS.request(command), path)

    def faults(self) -> set[tuple[str, str]]:
        return {(fault.code, fault.where) for fault in self.courier.faults(self.now_s)}


def receipt(receiver: str, *alerts: Alert, beat: int | None = None) -> Receipt:
    return Receipt(
        schema=SCHEMA_VERSION,
        site=TOPICS.site,
        gateway=TOPICS.gateway,
        receiver=receiver,
        received=tuple(Received(event_id=one.event_id, revision=one.revision) for one in alerts),
        beat=beat,
    )


def alerts_in(posted: Sequence[Posted]) -> list[Alert]:
    return [one.alert for one in posted if one.alert is not None]


def responses_in(posted: Sequence[Posted]) -> list[Response]:
    found = [decode(one.payload, Response) for one in posted if "/response/" in one.topic]
    return [one for one in found if isinstance(one, Response)]


def beats_in(posted: Sequence[Posted]) -> list[Heartbeat]:
    found = [decode(one.payload, Heartbeat) for one in posted if one.topic == TOPICS.heartbeat]
    return [one for one in found if isinstance(one, Heartbeat)]
