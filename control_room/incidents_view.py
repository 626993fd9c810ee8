"""What the control room knows, from messages alone: pure, no network, no clock.

Delivery is at least once and may be late, so the view is idempotent: an event is known by its highest
revision, a revision that is not higher changes nothing, and an end is final. Memory is bounded; what had to
be forgotten is counted.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Mapping

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
from gateway.contract.encoding import BadPayload, decode_for
from gateway.contract.topics import Topic, TopicKind, parse_topic
from gateway.contract.types import Alert, Fault, GatewayHealth, GatewayStatus, SensorAvailability
from gateway.contract.vocabulary import Phase

MOST_OPEN = 10_000
MOST_ENDED = 10_000
MOST_SOURCES = 10_000  # gateways, and sensors, that may be known at once
_STEPS = {Phase.START: Step.STARTED, Phase.UPDATE: Step.UPDATED, Phase.END: Step.ENDED}


class IncidentsView:
    """apply() each message in order of arrival; it says what changed."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, Alert] = OrderedDict()
        self._ended: OrderedDict[str, int] = OrderedDict()  # event id: its last revision
        self._gateways: dict[tuple[str, str], GatewayStatus] = {}
        self._sensors: dict[tuple[str, str, str], SensorAvailability] = {}
        self._faults: dict[tuple[str, str], tuple[Fault, ...]] = {}
        self._ignored: Counter[Ignored] = Counter()
        self.bad_messages = 0
        self.forgotten = 0

    @property
    def open_events(self) -> tuple[Alert, ...]:
        """The latest revision of each event that has not ended, the longest known first."""
        return tuple(self._open.values())

    @property
    def ignored(self) -> Mapping[Ignored, int]:
        return dict(self._ignored)

    def gateway(self, site: str, gateway: str) -> GatewayStatus | None:
        return self._gateways.get((site, gateway))

    def sensor(self, site: str, gateway: str, sensor_id: str) -> SensorAvailability | None:
        return self._sensors.get((site, gateway, sensor_id))

    def apply(self, topic: str, payload: bytes, *, retained: bool = False) -> Change:
        """retained: the broker sent it from its store, not as it happened."""
        change = self._change(topic, payload, retained)
        if isinstance(change, Ignored):
            self._ignored[change] += 1
        elif isinstance(change, BadMessage):
            self.bad_messages += 1
        return change

    def _change(self, topic: str, payload: bytes, retained: bool) -> Change:
        try:
            parsed = parse_topic(topic)
        except ValueError as problem:
            return BadMessage(topic, str(problem))
        if not payload:
            return self._removed(parsed)
        decoded = decode_for(parsed.kind, payload)
        if isinstance(decoded, BadPayload):
            return BadMessage(topic, decoded.reason)
        if (decoded.site, decoded.gateway) != (parsed.site, parsed.gateway):
            return BadMessage(topic, f"it comes from {decoded.site}/{decoded.gateway}, says the payload")
        match decoded:
            case Alert():
                if decoded.event_class != parsed.event_class:
                    return BadMessage(topic, f"its class is {decoded.event_class}, says the payload")
                return Ignored.RETAINED if retained else self._alert(decoded)
            case GatewayStatus():
                return self._status(decoded)
            case SensorAvailability():
                if decoded.sensor_id != parsed.sensor_id:
                    return BadMessage(topic, f"it is of sensor {decoded.sensor_id}, says the payload")
                return self._availability(decoded)
            case GatewayHealth():
                return self._health(decoded)
        return Ignored.NOT_SHOWN

    def _alert(self, alert: Alert) -> Change:
        event_id = alert.event_id
        ended_at = self._ended.get(event_id)
        if ended_at is not None:
            return Ignored.AFTER_END if alert.revision > ended_at else _older(alert.revision, ended_at)
        previous = self._open.get(event_id)
        if previous is not None and alert.revision <= previous.revision:
            return _older(alert.revision, previous.revision)
        if alert.phase is Phase.END:
            self._open.pop(event_id, None)
            self._ended[event_id] = alert.revision
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)
        else:
            self._open[event_id] = alert
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
                self.forgotten += 1
        return AlertChange(_STEPS[alert.phase], alert, previous)

    def _status(self, status: GatewayStatus) -> Change:
        key = (status.site, status.gateway)
        known = self._gateways.get(key)
        if known is None and len(self._gateways) >= MOST_SOURCES:
            self.forgotten += 1
            return Ignored.NOT_SHOWN
        self._gateways[key] = status
        if known is not None and (known.state, known.boot_id) == (status.state, status.boot_id):
            return Ignored.SAME_STATE
        return GatewayChange(status, sum(sensor[:2] == key for sensor in self._sensors))

    def _availability(self, availability: SensorAvailability) -> Change:
        key = (availability.site, availability.gateway, availability.sensor_id)
        known = self._sensors.get(key)
        if known is None and len(self._sensors) >= MOST_SOURCES:
            self.forgotten += 1
            return Ignored.NOT_SHOWN
        self._sensors[key] = availability
        if known is not None and _shown(known) == _shown(availability):
            return Ignored.SAME_STATE
        return SensorChange(availability)

    def _health(self, health: GatewayHealth) -> Change:
        key = (health.site, health.gateway)
        if key not in self._faults and len(self._faults) >= MOST_SOURCES:
            self.forgotten += 1
            return Ignored.NOT_SHOWN
        before, now = self._faults.get(key, ()), health.faults
        self._faults[key] = now
        raised, cleared = _without(now, before), _without(before, now)
        return FaultChange(health, raised, cleared) if raised or cleared else Ignored.SAME_STATE

    def _removed(self, topic: Topic) -> Change:
        if topic.kind is TopicKind.SENSOR_AVAILABILITY and topic.sensor_id is not None:
            key = (topic.site, topic.gateway, topic.sensor_id)
            if self._sensors.pop(key, None) is not None:
                return SensorRemoved(*key)
        return Ignored.NOT_SHOWN


def _older(revision: int, known: int) -> Ignored:
    return Ignored.REPEATED if revision == known else Ignored.LATE


def _shown(availability: SensorAvailability) -> tuple[object, ...]:
    return availability.state, availability.reason, availability.serial, availability.calibrated


def _without(some: tuple[Fault, ...], others: tuple[Fault, ...]) -> tuple[Fault, ...]:
    known = {(fault.code, fault.where) for fault in others}
    return tuple(fault for fault in some if (fault.code, fault.where) not in known)
