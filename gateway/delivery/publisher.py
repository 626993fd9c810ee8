"""The thread that empties the outbox into the control room and keeps the retained states true.

It owns its connections to the outbox and the records, and the links to one or two brokers. Others only wake()
it after a commit, or hand it a state, a record or an alert that the disk did not take. A committed alert
leaves at least once and in order of its lane, whatever brokers and receivers do, and is sent again until
everybody whose word counts has told that they have it; a state is sent on every path, the latest of each
topic again after every reconnection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from random import Random

from gateway.clock import HostClock
from gateway.contract.topics import TopicBuilder, parse_topic
from gateway.contract.types import Alert, DeliveryHealth
from gateway.delivery.broker_link import (
    Acknowledged,
    BrokerOptions,
    LinkPhase,
    LinkState,
)
from gateway.delivery.courier import Courier, CourierCounts, CourierRules, TestAlerts
from gateway.delivery.mailbox import Mailbox
from gateway.delivery.mqtt import MqttLink
from gateway.delivery.outbox import Outbox
from gateway.delivery.path import Path
from gateway.delivery.path_faults import PathFault
from gateway.delivery.record_store import Record, RecordStore
from gateway.delivery.requests import Inward
from gateway.delivery.state_board import StateMessage, rank_of

RECORDS_NAME = "records.db"
ROUND_S = 5.0
"""Longest round: it waits for a second at most, and for the disk."""


@dataclass(frozen=True, slots=True)
class PublisherRules:
    """look_again_s: a lost wake-up costs at most this."""

    look_again_s: float = 1.0
    records_bytes: int = 50_000_000
    courier: CourierRules = field(default_factory=CourierRules)


class Publisher:
    """start() it once; stop() says whether everything had left."""

    def __init__(
        self,
        outbox_path: FilePath,
        brokers: Sequence[BrokerOptions],
        topics: TopicBuilder,
        *,
        clock: HostClock,
        on_fatal: Callable[[str, BaseException], None],
        on_link: Callable[[LinkState], None] = lambda state: None,
        test_alerts: TestAlerts = lambda: (),
        rules: PublisherRules | None = None,
        random: Random | None = None,
        beat: Callable[[str, float], None] = lambda stage, within_s: None,
        inward: Inward | None = None,
    ) -> None:
        """brokers: in order of preference, one or two, each with a path name of its own.

        on_fatal(thread, problem): a thread died, the process must end. on_link: told, on the publisher's
        thread, each change of a connection. test_alerts: the revisions of one test alert. beat(stage,
        within_s): told that a thread makes progress, and by when it is to be back; the stages are `publisher`
        and `paho:<path>`. inward: where confirmations and neighbours' alerts go.
        """
        self._outbox_path = outbox_path
        self._topics = topics
        self._clock = clock
        self._on_fatal = on_fatal
        self._on_link = on_link
        self._test_alerts = test_alerts
        self._rules = rules or PublisherRules()
        self._beat = beat
        self._inward = inward
        self._mailbox = Mailbox()
        self._paths = [self._path(options, random) for options in brokers]
        self._courier: Courier | None = None
        self._drain_s = 0.0
        self._stop_by_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._all_left = False
        self._counts = CourierCounts()
        self.faults: tuple[PathFault, ...] = ()
        """What is wrong on the way; replaced as a whole, so any thread may read it."""
        self.health: DeliveryHealth | None = None
        """How delivery stands, for the gateway's health; None before the first round."""

    @property
    def stages(self) -> tuple[str, ...]:
        """Names that `beat` is called with."""
        return ("publisher", *(f"paho:{path.name}" for path in self._paths))

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Call after a commit."""
        self._mailbox.wake()

    def put_state(self, topic: str, payload: bytes) -> bool:
        """Publish, retained, on every path, once there is a connection; empty: take it off the broker.

        False, and counted, when there are too many topics. Raises ValueError for a topic that is no state's.
        """
        parsed = parse_topic(topic)
        delivery = parsed.delivery
        if not delivery.retained:
            raise ValueError(f"{topic!r} is no state: it goes through the outbox")
        return self._mailbox.put_state(StateMessage(topic, payload, delivery.qos, rank_of(parsed.kind)))

    def put_record(self, topic: str, payload: bytes) -> bool:
        """Keep and send once a broker takes it; False, and counted, when too much waits in memory."""
        return self._mailbox.put_record(Record(topic, payload, rank_of(parse_topic(topic).kind)))

    def put_unstored(self, alert: Alert) -> bool:
        """Send an alert that the disk did not take, marked as the only copy."""
        return self._mailbox.put_unstored(alert)

    def counters(self) -> dict[str, int]:
        """Since the start, for the gateway's health."""
        mailbox = {
            "receipts_dropped": self._mailbox.heard_dropped,
            "states_refused_here": self._mailbox.states_refused,
            "records_refused_here": self._mailbox.records_refused,
            "unstored_dropped": self._mailbox.unstored_dropped,
        }
        paths = {
            "broker_connections": sum(path.counts.connections for path in self._paths),
            "states_published": sum(path.counts.states_published for path in self._paths),
            "states_refused": sum(path.counts.states_refused for path in self._paths),
        }
        return {**self._counts.as_dict(), **paths, **{key: n for key, n in mailbox.items() if n}}

    def stop(self, drain_s: float = 3.0) -> bool:
        """Send what is left for at most drain_s while connected, say goodbye, end; whether all had left."""
        self._drain_s = drain_s
        self._mailbox.stop()
        self._thread.join(drain_s + 10.0)
        return self._all_left and not self._thread.is_alive()

    def _path(self, options: BrokerOptions, random: Random | None) -> Path:
        stage = f"paho:{options.path}"

        def beat_path(within_s: float) -> None:
            self._beat(stage, within_s)

        link = MqttLink(options, self._mailbox.put, self._on_fatal, random, beat_path)
        return Path(options.path, link, options.where)

    def _run(self) -> None:
        try:
            with Outbox.open(self._outbox_path, check=False, durable=False) as outbox:
                records = RecordStore.open(
                    self._outbox_path.with_name(RECORDS_NAME), self._rules.records_bytes
                )
                self._courier = Courier(
                    outbox,
                    records,
                    self._paths,
                    self._topics,
                    self._clock,
                    self._test_alerts,
                    self._rules.courier,
                    self._inward,
                )
                self._counts = self._courier.counts
                for path in self._paths:
                    path.link.start()
                try:
                    while not self._may_stop():
                        self._round(self._courier)
                    self._courier.remember_clock(self._clock.monotonic_s())
                finally:
                    for path in self._paths:
                        path.link.stop()
                    records.close()
        except Exception as problem:  # noqa: BLE001 - a thread's top: nobody else would see it
            self._on_fatal("publisher", problem)

    def _round(self, courier: Courier) -> None:
        """Answers first, then alerts, then what can wait."""
        self._beat("publisher", ROUND_S)
        mail = self._mailbox.take(self._patience_s(courier))
        now_s = self._clock.monotonic_s()
        if mail.stopping and self._stop_by_s is None:
            self._stop_by_s = time.monotonic() + self._drain_s
            courier.last_round = True
        for state in mail.states:
            for path in self._paths:
                path.board.put(state)
        for answer in mail.answers:
            if isinstance(answer, Acknowledged):
                courier.acknowledged(answer, now_s)
            else:
                courier.link_changed(answer, now_s)
                self._on_link(answer)
        courier.keep(mail.records)
        courier.take_unstored(mail.unstored)
        courier.hear(mail.heard, now_s)
        courier.send(now_s)
        self.faults = courier.faults(now_s)
        self.health = courier.health(now_s)

    def _patience_s(self, courier: Courier) -> float:
        """How long nothing but mail can matter."""
        wait_s = [self._rules.look_again_s]
        if self._stop_by_s is not None:
            wait_s.append(self._stop_by_s - time.monotonic())
        due_s = courier.next_due_s()
        if due_s is not None:
            wait_s.append(due_s - self._clock.monotonic_s())
        return max(0.0, min(wait_s))

    def _may_stop(self) -> bool:
        """Asked to, and nothing left to send or no way to send it."""
        if self._stop_by_s is None or self._courier is None:
            return False
        self._all_left = self._courier.idle
        phases = {path.state.phase for path in self._paths}
        hope = bool(phases & {LinkPhase.CONNECTED, LinkPhase.CONNECTING})
        return self._all_left or not hope or time.monotonic() >= self._stop_by_s
