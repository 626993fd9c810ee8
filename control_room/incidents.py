"""Alerts of any number of gateways become incidents: what an operator sees as one. Pure; README.md says how.

Alerts are one incident when they share a name (a gateway's own word), and when events of two gateways can be
of one sound by the contract's rule. What one gateway keeps apart at one time stays apart. Groups only grow:
nothing that was shown as one falls apart again. Bounded by count, the oldest that are over go first.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.contract.one_sound import (
    Trace,
    at_one_time,
    good_clock,
    in_doubt,
    may_go_together,
    one_source,
    same_kind,
    trace_by_arrival,
    trace_of,
)
from gateway.contract.types import Alert
from gateway.contract.vocabulary import (
    PATH_TEST,
    ConfirmedBy,
    Phase,
    Priority,
    Severity,
    Status,
    severity_rank,
)

MOST_EVENTS = 10_000
_Scene = tuple[str, Status]  # site, and whether it is real: only within both can incidents meet
_Event = tuple[str, str]  # gateway and event id


@dataclass(frozen=True, slots=True)
class Incident:
    """One incident as it stands. incident_id: the smallest of all names that its gateways gave it.

    events: gateway and event id of each, in the order in which they were met; open_events: those not over.
    sensors: gateway and sensor id of all that heard it. Priority and severity are the highest of all events,
    and `go` as well where two gateways heard the same without knowing of each other.
    """

    incident_id: str
    site: str
    status: Status
    events: tuple[_Event, ...]
    open_events: tuple[_Event, ...]
    sensors: tuple[tuple[str, str], ...]
    priority: Priority
    severity: Severity
    confirmed_by: tuple[str, ...]

    @property
    def gateways(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(gateway for gateway, _ in self.events))

    @property
    def over(self) -> bool:
        return not self.open_events


@dataclass(frozen=True, slots=True)
class IncidentStep:
    """What an alert means to its incident. first: it begins. worse: its priority or severity rose."""

    incident: Incident
    first: bool
    worse: bool


@dataclass(frozen=True, slots=True)
class _Traces:
    """What an alert tells of its sound: in UTC, and on our own clock by when it arrived, if it did."""

    in_utc: Trace
    by_arrival: Trace | None


@dataclass(slots=True, eq=False)
class _Group:
    scene: _Scene
    names: set[str] = field(default_factory=set)
    alerts: dict[_Event, Alert] = field(default_factory=dict)
    traces: dict[_Event, _Traces] = field(default_factory=dict)
    shown: tuple[Priority, Severity] | None = None


class IncidentBook:
    """take() each revision that moves its event on, as it comes; after a restart those that are open."""

    def __init__(self, most_events: int = MOST_EVENTS) -> None:
        self._most_events = most_events
        self._groups: OrderedDict[int, _Group] = OrderedDict()
        self._by_name: dict[tuple[_Scene, str], _Group] = {}
        self._of_event: dict[tuple[_Scene, _Event], _Group] = {}
        self._events = 0

    def take(self, alert: Alert, arrived_s: float | None = None) -> IncidentStep | None:
        """None for a test of the path, which is nothing that was heard.

        arrived_s: on our monotonic clock, None for what was here before. It only counts where a gateway's own
        clock is worth nothing.
        """
        if alert.event_class == PATH_TEST:
            return None
        scene = (alert.site, alert.status)
        traces = _traces(alert, arrived_s)
        names = {alert.incident_id or alert.event_id, *alert.incident_aliases}
        key = (alert.gateway, alert.event_id)
        known = [
            self._of_event.get((scene, key)),
            *(self._by_name.get((scene, name)) for name in sorted(names)),
        ]
        named = list(dict.fromkeys(group for group in known if group is not None))
        group = named[0] if named else self._fitting(scene, alert, traces)
        if group is None:
            group = _Group(scene)
            self._groups[id(group)] = group
        for other in named[1:]:
            self._unite(group, other)
        before = group.shown
        group.names |= names
        self._by_name |= {(scene, name): group for name in names}
        self._of_event[scene, key] = group
        self._events += key not in group.alerts
        group.alerts[key] = alert
        if traces is not None:
            group.traces[key] = traces
        incident = _incident(group)
        group.shown = (incident.priority, incident.severity)
        self._forget(group)
        return IncidentStep(incident, before is None, before is not None and group.shown != before)

    def incidents(self) -> Iterator[Incident]:
        """All that are open, the longest known first."""
        return (one for one in map(_incident, self._groups.values()) if not one.over)

    def _fitting(self, scene: _Scene, alert: Alert, traces: _Traces | None) -> _Group | None:
        """The incident of other gateways that this event of a new incident belongs to, if there is one."""
        if traces is None:
            return None
        fits = [
            (apart_s, min(group.names), group)
            for group in self._groups.values()
            if group.scene == scene and (apart_s := _apart_s(group, alert, traces)) is not None
        ]
        return min(fits, key=lambda fit: fit[:2])[2] if fits else None

    def _unite(self, group: _Group, other: _Group) -> None:
        group.names |= other.names
        group.alerts |= other.alerts
        group.traces |= other.traces
        told = [one.shown for one in (group, other) if one.shown is not None]
        go = any(priority is Priority.GO for priority, _ in told)
        severity = max((severity for _, severity in told), key=severity_rank, default=Severity.LOW)
        group.shown = (Priority.GO if go else Priority.LOOK, severity)
        self._by_name |= {(group.scene, name): group for name in other.names}
        self._of_event |= {(group.scene, event): group for event in other.alerts}
        del self._groups[id(other)]

    def _forget(self, kept: _Group) -> None:
        while self._events > self._most_events:
            others = [group for group in self._groups.values() if group is not kept]
            oldest = next((one for one in others if _incident(one).over), others[0] if others else None)
            if oldest is None:
                return
            self._events -= len(oldest.alerts)
            del self._groups[id(oldest)]
            for name in oldest.names:
                del self._by_name[oldest.scene, name]
            for event in oldest.alerts:
                del self._of_event[oldest.scene, event]


def _apart_s(group: _Group, alert: Alert, traces: _Traces) -> float | None:
    """How far the nearest onset is, if all that hear it now can share a source with this one; else None."""
    nearest_s = math.inf
    for (gateway, _), known in group.traces.items():
        pair = _comparable(traces, known)
        if pair is None or not at_one_time(*pair):
            continue
        trace, other = pair
        if gateway == alert.gateway:
            return None  # that gateway knows best what it heard itself, and has given it another name
        if may_go_together(trace.event_class, other.event_class):
            if not one_source(trace, other):
                return None
            nearest_s = min(nearest_s, abs(trace.onset_s - other.onset_s))
    return None if nearest_s == math.inf else nearest_s


def _comparable(one: _Traces, other: _Traces) -> tuple[Trace, Trace] | None:
    """Both on one clock: UTC where both know it, else ours, by when they arrived."""
    if good_clock(one.in_utc) and good_clock(other.in_utc):
        return one.in_utc, other.in_utc
    if one.by_arrival is None or other.by_arrival is None:
        return None
    return one.by_arrival, other.by_arrival


def _traces(alert: Alert, arrived_s: float | None) -> _Traces | None:
    try:
        return _Traces(trace_of(alert), None if arrived_s is None else trace_by_arrival(alert, arrived_s))
    except ValueError:
        return None  # its times cannot be


def _incident(group: _Group) -> Incident:
    site, status = group.scene
    alerts = group.alerts.values()
    codes = list(dict.fromkeys(code for alert in alerts for code in alert.confirmed_by))
    if ConfirmedBy.SENSOR.value not in codes and _agree(alerts):
        codes.append(ConfirmedBy.SENSOR.value)
    told = [(alert.priority, alert.severity) for alert in alerts]
    told += [] if group.shown is None else [group.shown]
    go = bool(codes) or any(priority is Priority.GO for priority, _ in told)
    return Incident(
        incident_id=min(group.names),
        site=site,
        status=status,
        events=tuple(group.alerts),
        open_events=tuple(key for key, alert in group.alerts.items() if alert.phase is not Phase.END),
        sensors=tuple(sorted(set(_sensors(alerts)))),
        priority=Priority.GO if go else Priority.LOOK,
        severity=max((severity for _, severity in told), key=severity_rank),
        confirmed_by=tuple(codes),
    )


def _sensors(alerts: Iterable[Alert]) -> Iterator[tuple[str, str]]:
    for alert in alerts:
        for one in alert.sensors:
            yield one.gateway or alert.gateway, one.sensor_id


def _agree(alerts: Iterable[Alert]) -> bool:
    """Whether sensors of two gateways heard the same kind, and nothing speaks against either."""
    sure = [alert for alert in alerts if not in_doubt(alert)]
    return any(
        one.gateway != other.gateway and same_kind(one.event_class, other.event_class)
        for number, one in enumerate(sure)
        for other in sure[:number]
    )
