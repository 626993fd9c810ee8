"""The control room's tail: what a broker delivers, as lines on a stream. Confirms nothing unless told to."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from control_room.broker_address import BrokerAddress, parse_url
from control_room.changes import (
    BadMessage,
    Change,
    FaultChange,
    GatewayChange,
    Ignored,
    SensorChange,
    SensorRemoved,
    Step,
)
from control_room.line import LinePhase, LineState, Message, Patience
from control_room.lines import (
    Style,
    alert_line,
    bad_line,
    fault_lines,
    gateway_line,
    header_lines,
    sensor_line,
)
from control_room.notice_lines import notice_line
from control_room.notices import Arrival, Notice, NotShown
from control_room.receiver import Receiver, Scope
from control_room.texts import text
from control_room.why_lines import why_lines
from gateway.contract.vocabulary import PATH_TEST


@dataclass(frozen=True, slots=True)
class ReceiveAs:
    """Give receipts under this name; the store remembers what came."""

    name: str
    store: Path


class Watcher:
    """start() it; lines appear on `out` until stop(). Counters may be read at any time from any thread."""

    def __init__(
        self,
        broker: str | BrokerAddress,
        language: str,
        out: TextIO,
        *,
        as_json: bool = False,
        why: bool = False,
        notices: TextIO | None = None,
        site: str | None = None,
        gateway: str | None = None,
        backup: str | BrokerAddress | None = None,
        receive_as: ReceiveAs | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        patience: Patience | None = None,
    ) -> None:
        """as_json: each payload on a line of its own. why: score and level drawn below each alert.

        notices: the line to the broker, None to keep it quiet.

        Raises ValueError for a broker address, a name or an id that cannot be.
        """
        self._out = out
        self._notices = notices
        self._as_json = as_json
        self._why = why
        self._style = Style(language, colour=not as_json and wants_colour(out))
        self._utc = utc
        self._told_phases: dict[str, LinePhase] = {}
        self._addresses = [
            parse_url(one) if isinstance(one, str) else one for one in (broker, backup) if one is not None
        ]
        self._receiver = Receiver(
            self._addresses,
            receive_as.name if receive_as else f"watch-{os.getpid()}-{os.urandom(3).hex()}",
            receive_as.store if receive_as else None,
            self._on_alert,
            on_notice=self._on_notice,
            on_change=self._on_change,
            on_line=self._on_line,
            on_end=self._on_end,
            scope=Scope(site, gateway),
            confirms=receive_as is not None,
            patience=patience,
        )
        self._head_told = False
        self.starts = 0
        self.ends = 0
        self.alerts = 0
        self.was_connected = False
        self.failure: BaseException | None = None
        self.changed = threading.Condition()

    def start(self) -> None:
        """Raises LedgerError when the store cannot be used."""
        for address in self._addresses:
            self._notice("connecting", where=address.where)
        self._receiver.start()
        if self._receiver.set_aside is not None and self._notices is not None:
            print(self._receiver.set_aside, file=self._notices, flush=True)

    def stop(self) -> bool:
        """Whether everything ended; nothing is written after that."""
        return self._receiver.stop()

    def wait(self, holds: Callable[[Watcher], bool], deadline_s: float | None) -> bool:
        """Wait until holds(self), a failure, or the deadline; whether it holds."""
        with self.changed:
            self.changed.wait_for(lambda: self.failure is not None or holds(self), deadline_s)
            return holds(self)

    def _on_alert(self, arrival: Arrival) -> None:
        if self._as_json:
            marks = {"again": arrival.again, "asked": arrival.asked, "not_stored": not arrival.stored}
            told = json.loads(arrival.payload)
            told |= {key: True for key, holds in marks.items() if holds}
            self._write_json(told | _incident_json(arrival))
        else:
            lines = [] if self._head_told else header_lines(self._style)
            self._head_told = True
            tells = self._why and (arrival.first or arrival.step is not Step.UPDATED)
            because = why_lines(arrival.alert, self._style) if tells else []
            self._write([*lines, alert_line(arrival, self._style), *because])
        if arrival.alert.event_class == PATH_TEST:
            return  # it proves the path and counts as nothing
        with self.changed:
            self.alerts += 1
            self.starts += arrival.step is Step.STARTED
            self.ends += arrival.step is Step.ENDED
            self.changed.notify_all()

    def _on_notice(self, notice: Notice) -> None:
        if self._as_json:
            self._write_json(_notice_json(notice))
        else:
            self._write([notice_line(notice, self._utc(), self._style)])

    def _on_change(self, change: Change, message: Message) -> None:
        if isinstance(change, Ignored):
            return
        if not self._as_json:
            self._write(self._change_lines(change))
        elif isinstance(change, BadMessage):
            self._write_json({"type": "bad_message", "topic": change.topic, "reason": change.reason})
        elif isinstance(change, SensorRemoved):
            self._write_json({"type": "sensor_removed", "topic": message.topic})
        else:
            self._write_json(json.loads(message.payload))

    def _change_lines(self, change: Change) -> list[str]:
        now = self._utc()
        match change:
            case GatewayChange():
                return [gateway_line(change, now, self._style)]
            case SensorChange() | SensorRemoved():
                return [sensor_line(change, now, self._style)]
            case FaultChange():
                return fault_lines(change, now, self._style)
            case BadMessage():
                return [bad_line(change, self._receiver.view.bad_messages, now, self._style)]
        return []

    def _write_json(self, told: object) -> None:
        """A payload as it came, unknown fields too, on one line."""
        self._write([json.dumps(told, ensure_ascii=False, separators=(",", ":"))])

    def _write(self, lines: list[str]) -> None:
        for line in lines:
            self._out.write(line + "\n")
        self._out.flush()

    def _on_line(self, state: LineState) -> None:
        if state.phase is not self._told_phases.get(state.path):  # once when it goes, once when it is back
            self._told_phases[state.path] = state.phase
            self._notice(state.phase.value, where=state.where, detail=state.detail)
        if state.phase is LinePhase.CONNECTED:
            with self.changed:
                self.was_connected = True
                self.changed.notify_all()

    def _on_end(self, failure: BaseException | None) -> None:
        with self.changed:
            self.failure = failure
            self.changed.notify_all()

    def _notice(self, key: str, **values: object) -> None:
        if self._notices is not None:
            self._notices.write(text(key, self._style.language, **values) + "\n")
            self._notices.flush()


def wants_colour(out: TextIO) -> bool:
    """Only on a terminal, and only if nobody asked for none (no-color.org)."""
    return out.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _incident_json(arrival: Arrival) -> dict[str, object]:
    """Its incident, where that is more than this event: an `incident` beside the payload's own fields."""
    step = arrival.incident
    if step is None or len(step.incident.events) < 2:
        return {}
    told = asdict(step.incident) | {"gateways": step.incident.gateways, "over": step.incident.over}
    return {"incident": told | {"first": step.first, "worse": step.worse}}


def _notice_json(notice: Notice) -> dict[str, object]:
    """The fields of a notice, its type in the way of payloads: `gateway_silent`, `gap_found`."""
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(notice).__name__)
    told: dict[str, object] = {"type": name.lstrip("_")}
    if isinstance(notice, NotShown):
        return told | {"event_id": notice.alert.event_id, "revision": notice.alert.revision}
    return told | asdict(notice)
