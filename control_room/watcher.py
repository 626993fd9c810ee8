"""The control room's tail: what a broker delivers, as lines on a stream. Gives no receipts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO

from control_room.broker_address import BrokerAddress, parse_url
from control_room.changes import (
    AlertChange,
    BadMessage,
    Change,
    FaultChange,
    GatewayChange,
    Ignored,
    SensorChange,
    SensorRemoved,
    Step,
)
from control_room.lines import (
    Style,
    alert_line,
    bad_line,
    fault_lines,
    gateway_line,
    header_lines,
    sensor_line,
)
from control_room.mqtt import LinePhase, LineState, Message, Patience
from control_room.subscriber import Subscriber
from control_room.texts import text


class Watcher:
    """start() it; lines appear on `out` until stop(). Counters may be read at any time from any thread."""

    def __init__(
        self,
        broker: str | BrokerAddress,
        language: str,
        out: TextIO,
        *,
        as_json: bool = False,
        notices: TextIO | None = None,
        site: str | None = None,
        gateway: str | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: Patience | None = None,
    ) -> None:
        """as_json: each payload on a line of its own. notices: the line to the broker, None to keep it quiet.

        Raises ValueError for a broker address or an id that cannot be.
        """
        self._out = out
        self._notices = notices
        self._as_json = as_json
        self._style = Style(language, colour=not as_json and wants_colour(out))
        self._utc = utc
        self._told_phase: LinePhase | None = None
        self._address = parse_url(broker) if isinstance(broker, str) else broker
        self._subscriber = Subscriber(
            self._address,
            self._on_change,
            self._on_line,
            self._on_fatal,
            site=site,
            gateway=gateway,
            patience=patience,
        )
        self.starts = 0
        self.ends = 0
        self.alerts = 0
        self.was_connected = False
        self.failure: BaseException | None = None
        self.changed = threading.Condition()

    def start(self) -> None:
        self._notice("connecting", where=self._address.where)
        self._subscriber.start()

    def stop(self) -> bool:
        """Whether everything ended; nothing is written after that."""
        return self._subscriber.stop()

    def wait(self, holds: Callable[[Watcher], bool], deadline_s: float | None) -> bool:
        """Wait until holds(self), a failure, or the deadline; whether it holds."""
        with self.changed:
            self.changed.wait_for(lambda: self.failure is not None or holds(self), deadline_s)
            return holds(self)

    def _on_change(self, change: Change, message: Message) -> None:
        if not isinstance(change, Ignored):
            if self._as_json:
                self._write_json(change, message)
            else:
                self._write_lines(change)
        if isinstance(change, AlertChange):
            with self.changed:
                self.alerts += 1
                self.starts += change.step is Step.STARTED
                self.ends += change.step is Step.ENDED
                self.changed.notify_all()

    def _write_lines(self, change: Change) -> None:
        now = self._utc()
        match change:
            case AlertChange():
                lines = [] if self.alerts else header_lines(self._style)
                lines.append(alert_line(change, self._style))
            case GatewayChange():
                lines = [gateway_line(change, now, self._style)]
            case SensorChange() | SensorRemoved():
                lines = [sensor_line(change, now, self._style)]
            case FaultChange():
                lines = fault_lines(change, now, self._style)
            case BadMessage():
                lines = [bad_line(change, self._subscriber.view.bad_messages, now, self._style)]
            case _:
                return
        for line in lines:
            self._out.write(line + "\n")
        self._out.flush()

    def _write_json(self, change: Change, message: Message) -> None:
        """The payload as it came, unknown fields too, on one line."""
        if isinstance(change, BadMessage):
            told: object = {"type": "bad_message", "topic": change.topic, "reason": change.reason}
        elif isinstance(change, SensorRemoved):
            told = {"type": "sensor_removed", "topic": message.topic}
        else:
            told = json.loads(message.payload)
        self._out.write(json.dumps(told, ensure_ascii=False, separators=(",", ":")) + "\n")
        self._out.flush()

    def _on_line(self, state: LineState) -> None:
        if state.phase is not self._told_phase:  # said once when it goes, once when it is back
            self._told_phase = state.phase
            self._notice(state.phase.value, where=state.where, detail=state.detail)
        if state.phase is LinePhase.CONNECTED:
            with self.changed:
                self.was_connected = True
                self.changed.notify_all()

    def _on_fatal(self, problem: BaseException) -> None:
        with self.changed:
            self.failure = problem
            self.changed.notify_all()

    def _notice(self, key: str, **values: object) -> None:
        if self._notices is not None:
            self._notices.write(text(key, self._style.language, **values) + "\n")
            self._notices.flush()


def wants_colour(out: TextIO) -> bool:
    """Only on a terminal, and only if nobody asked for none (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
