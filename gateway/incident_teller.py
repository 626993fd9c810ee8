"""Step 9 of the route: decisions become alerts that know their incident, which makes alerts of its own.

Belongs to the pipeline thread. What it returns leaves in that order: the alert of the decision itself comes
first, so that no incident ever holds one up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from gateway.alerts import AlertFactory
from gateway.clock import HostClock
from gateway.contract.types import Alert
from gateway.contract.vocabulary import PATH_TEST, Phase
from gateway.decisions.decider import Decision
from gateway.incidents.book import Incidents
from gateway.incidents.told import ended_at, heard_here, heard_there, in_incident
from gateway.incidents.types import Heard, Telling
from gateway.live_sensor import LiveSensor


@dataclass(frozen=True, slots=True)
class PersonConfirms:
    """A person at a receiver confirmed the incident that this event belongs to."""

    event_id: str


class IncidentTeller:
    """One for all sensors of the gateway."""

    def __init__(self, factory: AlertFactory, clock: HostClock) -> None:
        self._factory = factory
        self._clock = clock
        self._incidents = Incidents()
        self._open: dict[str, tuple[LiveSensor, Decision]] = {}

    def decided(self, live: LiveSensor, decision: Decision) -> list[Alert]:
        """A sensor's decision: its alert, and revisions of other events for which it changes the incident."""
        stream = live.stream_clock(self._clock)
        alert = self._factory.alert(decision, live.context, stream)
        heard = heard_here(
            alert, from_utc_s=live.stream_zero_s(self._clock) - stream.zero_utc_s, error_s=live.host_error_s
        )
        if decision.phase is Phase.END:
            self._open.pop(alert.event_id, None)
        else:
            self._open[alert.event_id] = (live, decision)
        own, *others = self._incidents.hear(heard)
        return [in_incident(alert, own.standing), *self._revisions(others)]

    def neighbour(self, alert: Alert) -> list[Alert]:
        """An alert of another gateway on this site: revisions of our events that belong with it.

        What is real and what is an exercise never meet, and a test of the path was no sound.
        """
        if alert.status is not self._factory.status or alert.event_class == PATH_TEST:
            return []
        heard = self._heard_there(alert)
        return [] if heard is None else self._revisions(self._incidents.hear_of(heard))

    def confirm(self, event_id: str) -> list[Alert]:
        """A person confirms the incident of this event."""
        return self._revisions(self._incidents.confirm(event_id, self._clock.monotonic_s()))

    def recall(self, orphans: Iterable[Alert]) -> None:
        """Events that a restart ended: what begins at those places now goes on with their incidents."""
        for alert in orphans:
            heard = self._heard_there(alert)
            if heard is not None:
                self._incidents.recall(ended_at(heard, heard.t_s))

    def _heard_there(self, alert: Alert) -> Heard | None:
        known = self._clock.known()
        error_s = None if known.error_ms is None else known.error_ms / 1000.0
        now_s = self._clock.monotonic_s()
        return heard_there(alert, from_utc_s=-known.offset_s, error_s=error_s, now_s=now_s)

    def _revisions(self, tellings: Iterable[Telling]) -> list[Alert]:
        """Open events as they were decided last, with what is new of their incident."""
        alerts = []
        for telling in tellings:
            live, decision = self._open[telling.event_id]
            again = replace(decision, phase=Phase.UPDATE, t_s=max(decision.t_s, live.stream_s))
            alert = self._factory.alert(again, live.context, live.stream_clock(self._clock))
            alerts.append(in_incident(alert, telling.standing))
        return alerts
