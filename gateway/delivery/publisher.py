"""The thread that empties the outbox into the broker and keeps the retained states true.

It owns its connection to the outbox and the link to the broker. Others only wake() it after a commit, or hand
it a state. A committed alert leaves at least once and in order, whatever the broker does; a state is sent
while there is a connection, the latest of each topic again after every reconnection.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

from gateway.contract.topics import parse_topic
from gateway.delivery.broker_link import (
    FIRST_REFUSAL,
    Acknowledged,
    BrokerOptions,
    LinkPhase,
    LinkState,
    NotSent,
    Token,
)
from gateway.delivery.mailbox import Mailbox
from gateway.delivery.mqtt import MqttLink
from gateway.delivery.outbox import Outbox, OutboxRow
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.stamping import stamped
from gateway.delivery.state_board import StateBoard, StateMessage
from gateway.delivery.window import DeliveryWindow, Outcome

FETCH_ROWS = 64


@dataclass(frozen=True, slots=True)
class PublisherRules:
    """most_in_flight: unacknowledged alerts, 1 to 16. acknowledge_s: a broker silent for longer is left."""

    most_in_flight: int = 8
    acknowledge_s: float = 20.0
    look_again_s: float = 2.0
    keep_sent: timedelta = timedelta(days=7)
    prune_every_s: float = 60.0


@dataclass(frozen=True, slots=True)
class PublisherCounts:
    """Since the start. An alert published more often than acknowledged was sent again, or is in flight."""

    alerts_published: int = 0
    alerts_acknowledged: int = 0
    alerts_unheard: int = 0
    alerts_refused: int = 0
    states_published: int = 0
    states_refused: int = 0
    connections: int = 0
    marks_failed: int = 0


@dataclass(frozen=True, slots=True)
class _StateInFlight:
    token: Token
    message: StateMessage
    since_s: float


class Publisher:
    """start() it once; stop() says whether everything had left."""

    def __init__(
        self,
        outbox_path: Path,
        options: BrokerOptions,
        *,
        utc: Callable[[], datetime],
        on_fatal: Callable[[str, BaseException], None],
        on_link: Callable[[LinkState], None] = lambda state: None,
        stamp: Callable[[OutboxRow, datetime], bytes] = stamped,
        rules: PublisherRules | None = None,
        random: Random | None = None,
    ) -> None:
        """utc: the wall clock, for the stamp. on_fatal(thread, problem): a thread died, the process must end.

        on_link: told, on the publisher's thread, each change of the connection.
        """
        self._outbox_path = outbox_path
        self._utc = utc
        self._on_fatal = on_fatal
        self._on_link = on_link
        self._stamp = stamp
        self._rules = rules or PublisherRules()
        self._mailbox = Mailbox()
        self._mqtt = MqttLink(options, self._mailbox.put_answer, self._died, random)
        self._window = DeliveryWindow(self._rules.most_in_flight)
        self._board = StateBoard()
        self._state_in_flight: _StateInFlight | None = None
        self._prune_at_s = 0.0
        self._drain_s = 0.0
        self._stop_by_s: float | None = None
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._all_left = False
        self.link_state = LinkState(LinkPhase.CONNECTING, 0, options.where)
        self.counts = PublisherCounts()
        self.fault: OutboxError | None = None  # the outbox does not take our marks; alerts still leave

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Call after a commit."""
        self._mailbox.wake()

    def put_state(self, topic: str, payload: bytes) -> bool:
        """Publish, retained, once there is a connection; empty: take it off the broker.

        False, and counted, when there are too many topics. Raises ValueError for a topic that is no state's.
        """
        delivery = parse_topic(topic).delivery
        if not delivery.retained:
            raise ValueError(f"{topic!r} is no state: it goes through the outbox")
        return self._mailbox.put_state(StateMessage(topic, payload, delivery.qos))

    def stop(self, drain_s: float = 3.0) -> bool:
        """Send what is left for at most drain_s while connected, say goodbye, end; whether all had left."""
        self._drain_s = drain_s
        self._mailbox.stop()
        self._thread.join(drain_s + 10.0)
        return self._all_left and not self._thread.is_alive()

    def _run(self) -> None:
        try:
            with Outbox.open(self._outbox_path, check=False, durable=False) as outbox:
                self._mqtt.start()
                try:
                    while not self._may_stop(outbox):
                        self._round(outbox)
                finally:
                    self._mqtt.stop()
        except Exception as problem:  # noqa: BLE001 - a thread's top: nobody else would see it
            self._died("publisher", problem)

    def _died(self, thread: str, problem: BaseException) -> None:
        self._on_fatal(thread, problem)

    def _round(self, outbox: Outbox) -> None:
        """Answers first, then alerts, then states, then what can wait."""
        now_s = time.monotonic()
        mail = self._mailbox.take(self._patience_s(now_s))
        now_s = time.monotonic()
        if mail.stopping and self._stop_by_s is None:
            self._stop_by_s = now_s + self._drain_s
        for state in mail.states:
            self._board.put(state)
        for answer in mail.answers:
            if isinstance(answer, LinkState):
                self._link_changed(answer)
            else:
                self._answered(answer, now_s)
        self._mark(outbox)
        self._window.release_due(now_s)
        if self.link_state.connected:
            self._send_alerts(outbox, now_s)
            self._send_states(now_s)
            self._watch_silence(now_s)
        if now_s >= self._prune_at_s and self._stop_by_s is None:
            self._prune(outbox, now_s)

    def _patience_s(self, now_s: float) -> float:
        """How long nothing but mail can matter."""
        due_s = [now_s + self._rules.look_again_s]
        if self._stop_by_s is not None:
            due_s.append(self._stop_by_s)
        retry_s = self._window.next_due_s()
        if retry_s is not None:
            due_s.append(retry_s)
        return max(0.0, min(due_s) - now_s)

    def _link_changed(self, state: LinkState) -> None:
        if state.generation != self.link_state.generation or not state.connected:
            self._window.connection_lost()
            if self._state_in_flight is not None:
                self._board.give_back(self._state_in_flight.message)
                self._state_in_flight = None
        if state.connected:
            self._window.limit(state.receive_maximum - 1)  # one is for states
            self._board.all_due()
            self._count(connections=1)
        self.link_state = state
        self._on_link(state)

    def _answered(self, answer: Acknowledged, now_s: float) -> None:
        if self._state_in_flight is not None and answer.token == self._state_in_flight.token:
            self._state_in_flight = None
            self._count(states_refused=int(answer.reason >= FIRST_REFUSAL))
            return
        outcome = self._window.acknowledged(answer.token, answer.reason, now_s)
        accepted = outcome in (Outcome.ACCEPTED, Outcome.ACCEPTED_UNHEARD)
        self._count(
            alerts_acknowledged=int(accepted),
            alerts_unheard=int(outcome is Outcome.ACCEPTED_UNHEARD),
            alerts_refused=int(outcome is Outcome.REFUSED),
        )

    def _mark(self, outbox: Outbox) -> None:
        """A mark that fails (a full disk) is tried again; until then this process remembers what has left."""
        rows = self._window.to_mark
        if not rows:
            return
        try:
            outbox.mark_sent(rows, self._utc())
        except OutboxError as problem:
            self.fault = problem
            self._count(marks_failed=1)
        else:
            self.fault = None
            self._window.marked(rows)

    def _send_alerts(self, outbox: Outbox, now_s: float) -> None:
        if self.link_state.receive_maximum == 1 and self._state_in_flight is not None:
            return  # this broker wants one message at a time
        while True:
            row = self._window.next_row()
            if row is None:
                if not self._window.wants_rows:
                    return
                rows = outbox.unsent(FETCH_ROWS, after_id=self._window.after_id)
                if not rows:
                    return
                self._window.add(rows)
                continue
            token = self._publish(row.topic, self._stamp(row, self._utc()), qos=1, retain=False)
            if token is NotSent.OFFLINE:
                self._window.put_back(row)
                return
            if isinstance(token, NotSent):
                self._window.refused(row, now_s)
                self._count(alerts_refused=1)
                continue
            self._window.sent(token, row, now_s)
            self._count(alerts_published=1)

    def _publish(self, topic: str, payload: bytes, *, qos: int, retain: bool) -> Token | NotSent:
        generation = self.link_state.generation
        return self._mqtt.publish(topic, payload, qos=qos, retain=retain, generation=generation)

    def _watch_silence(self, now_s: float) -> None:
        """A broker that keeps the connection and answers nothing is left for a new connection."""
        silent_s = self._window.oldest_in_flight_s(now_s)
        if self._state_in_flight is not None:
            silent_s = max(silent_s, now_s - self._state_in_flight.since_s)
        if silent_s > self._rules.acknowledge_s:
            self._mqtt.drop(f"no acknowledgement in {self._rules.acknowledge_s:g} s")

    def _send_states(self, now_s: float) -> None:
        """One in flight at a time, so that many states never stand in the way of an alert."""
        while self._state_in_flight is None and self._window.in_flight < self.link_state.receive_maximum:
            message = self._board.take()
            if message is None:
                return
            token = self._publish(message.topic, message.payload, qos=message.qos, retain=True)
            if token is NotSent.OFFLINE:
                self._board.give_back(message)
                return
            if isinstance(token, NotSent):
                self._count(states_refused=1)
                continue
            self._state_in_flight = _StateInFlight(token, message, now_s)
            self._count(states_published=1)

    def _may_stop(self, outbox: Outbox) -> bool:
        """Asked to, and nothing left to send or no way to send it."""
        if self._stop_by_s is None:
            return False
        self._all_left = (
            self._window.idle and self._board.idle and self._state_in_flight is None and not outbox.unsent(1)
        )
        hope = self.link_state.phase in (LinkPhase.CONNECTED, LinkPhase.CONNECTING)
        return self._all_left or not hope or time.monotonic() >= self._stop_by_s

    def _prune(self, outbox: Outbox, now_s: float) -> None:
        self._prune_at_s = now_s + self._rules.prune_every_s
        try:
            outbox.prune(self._utc() - self._rules.keep_sent)
        except OutboxError as problem:
            self.fault = problem

    def _count(self, **more: int) -> None:
        self.counts = replace(self.counts, **{key: getattr(self.counts, key) + n for key, n in more.items()})
