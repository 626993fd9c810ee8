"""From alerts to what the incidents hear, and from their word back into an alert. Pure."""

from __future__ import annotations

import re
from dataclasses import replace as changed

from gateway.contract.instants import utc_seconds
from gateway.contract.one_sound import good_clock, in_doubt, shifted, trace_by_arrival, trace_of
from gateway.contract.types import Alert, replace
from gateway.contract.vocabulary import Phase
from gateway.incidents.types import Claim, Heard, Standing

_NAME = re.compile("[0-9a-f]{32}")


def in_incident(alert: Alert, standing: Standing) -> Alert:
    """The alert with what its incident says, and with the revisions counted that the incident put in."""
    return replace(
        alert,
        revision=alert.revision + standing.shift,
        incident_id=standing.incident_id,
        incident_aliases=standing.aliases,
        priority=standing.priority,
        confirmed_by=standing.confirmed_by,
        sensors=standing.sensors,
        position=standing.position,
    )


def heard_here(alert: Alert, *, from_utc_s: float, error_s: float) -> Heard:
    """An event of this gateway, as its sensor's decision made it.

    from_utc_s: what makes monotonic seconds of its UTC times, by the clock as it stood when they were made:
    so it does not matter what UTC is worth. error_s: how well monotonic times of this sensor are known.
    """
    trace = changed(shifted(trace_of(alert), from_utc_s, 0.0), error_s=error_s)
    (own,) = alert.sensors
    return Heard(
        event_id=alert.event_id,
        source=own.serial,
        phase=alert.phase,
        trace=trace,
        t_s=utc_seconds(alert.detected_utc) + from_utc_s,
        contribution=own,
        doubted=in_doubt(alert),
    )


def heard_there(alert: Alert, *, from_utc_s: float, error_s: float | None, now_s: float) -> Heard | None:
    """An event of another gateway, or of this one before a restart. None for one that says too little.

    from_utc_s: what makes monotonic seconds of UTC; error_s: how far that may be off on this side, None when
    nobody knows. now_s: when it came in; where one of both clocks is worth nothing, that stands in for them.
    """
    if not alert.sensors:
        return None
    try:
        trace = shifted(trace_of(alert), from_utc_s, error_s or 0.0)
        if error_s is None or not good_clock(trace):
            trace = trace_by_arrival(alert, now_s) or changed(trace, error_s=None)
    except ValueError:
        return None
    raised_by = alert.sensors[0]
    return Heard(
        event_id=alert.event_id,
        source=raised_by.serial,
        phase=alert.phase,
        trace=trace,
        t_s=now_s,
        contribution=replace(raised_by, gateway=alert.gateway),
        doubted=in_doubt(alert),
        claim=claim_of(alert),
    )


def claim_of(alert: Alert) -> Claim:
    """What an alert says of its incident. Names that cannot be are left out; without any it is its event."""
    told = (alert.incident_id or "", *alert.incident_aliases)
    names = [name for name in told if _NAME.fullmatch(name)] or [alert.event_id]
    return Claim(names[0], tuple(names[1:]), alert.priority, alert.confirmed_by)


def ended_at(heard: Heard, now_s: float) -> Heard:
    """An event of ours that was open when the gateway went down: nobody knows how long it went on."""
    return changed(
        heard,
        phase=Phase.END,
        trace=changed(heard.trace, until_s=now_s),
        contribution=replace(heard.contribution, gateway=None),
    )
