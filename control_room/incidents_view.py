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
from control_room.reading import read
from control_room.revisions import Known, judge
from gateway.contract.topics import Topic, TopicKind
from gateway.contract.types import Alert, Fault, GatewayHealth, GatewayStatus, SensorAvailability
from gateway.contract.vocabulary import Status

MOST_OPEN = 10_000
MOST_ENDED = 10_000
MOST_SOURCES = 10_000  # gateways, and sensors, that may be known at once
_Event = tuple[str, str, str]  # site, gateway and event id: no gateway speaks for another


class IncidentsView:
    """apply() each message in order of arrival; it says what changed."""

    def __init__(self) -> None:
        self._open: OrderedDict[_Event, Alert] = OrderedDict()
        self._ended: OrderedDict[_Event, int] = OrderedDict()  # event: its last revision
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
    def open_actual(self) -> tuple[Alert, ...]:
        """Those that count: exercises and tests never do."""
        return tuple(alert for alert in self._open.values() if alert.status is Status.ACTUAL)

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
        self.count(change)
        return change

    def count(self, change: Change) -> None:
        """Keep count of what changes nothing."""
        if isinstance(change, Ignored):
            self._ignored[change] += 1
        elif isinstance(change, BadMessage):
            self.bad_messages += 1

    def _change(self, topic: str, payload: bytes, retained: bool) -> Change:
        reading = read(topic, payload, retained=retained)
        if isinstance(reading, BadMessage | Ignored):
            return reading
        match reading.payload:
            case None:
                return self._removed(reading.topic)
            case Alert() as alert:
                return self._alert(alert)
            case GatewayStatus() as status:
                return self._status(status)
            case SensorAvailability() as availability:
                return self._availability(availability)
            case GatewayHealth() as health:
                return self._health(health)
        return Ignored.NOT_SHOWN

    def _alert(self, alert: Alert) -> Change:
        event = (alert.site, alert.gateway, alert.event_id)
        previous, ended_at = self._open.get(event), self._ended.get(event)
        known = None if ended_at is None else Known(ended_at, ended=True)
        if previous is not None:
            known = Known(previous.revision, ended=False)
        meaning = judge(alert, known)
        if isinstance(meaning, Ignored):
            return meaning
        if meaning is Step.ENDED:
            self._open.pop(event, None)
            self._ended[event] = alert.revision if known is None else max(alert.revision, known.revision)
            if len(self._ended) > MOST_ENDED:
                self._ended.popitem(last=False)
        else:
            self._open[event] = alert
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
                self.forgotten += 1
        return AlertChange(meaning, alert, previous)

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


def _shown(availability: SensorAvailability) -> tuple[object, ...]:
    return availability.state, availability.reason, availability.serial, availability.calibrated


def _without(some: tuple[Fault, ...], others: tuple[Fault, ...]) -> tuple[Fault, ...]:
    known = {(fault.code, fault.where) for fault in others}
    return tuple(fault for fault in some if (fault.code, fault.where) not in known)
