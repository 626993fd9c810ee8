"""All incidents of one gateway: which event belongs to which, and what has to be told. See README.md."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.contract.vocabulary import ConfirmedBy, Phase
from gateway.incidents.incident import MOST_NAMES, Incident
from gateway.incidents.states import State
from gateway.incidents.types import Heard, Telling

MOST_FOREIGN = 256
"""Events of other gateways that are kept at once; more are not looked at, and counted."""


class Incidents:
    """hear() each revision of each event, in order; it says which events of this gateway tell what.

    Pure, one owner. Time is what the revisions bring, and the now of confirm() and hear_of().
    """

    def __init__(self) -> None:
        self._incidents: list[Incident] = []
        self._of_event: dict[str, Incident] = {}
        self._now_s = float("-inf")
        self.foreign_dropped = 0

    def hear(self, heard: Heard) -> list[Telling]:
        """An event of this gateway: its own telling comes first, whatever else follows from it."""
        self._pass_time(heard.t_s)
        incident = self._of_event.get(heard.event_id) or self._place(heard)
        incident.take(heard, heard.t_s)
        return list(incident.tellings(heard.event_id))

    def hear_of(self, heard: Heard) -> list[Telling]:
        """An event of another gateway: what follows for events of this one, mostly nothing.

        Its owner names its incident, and that counts. t_s: when it came in.
        """
        claim = heard.claim
        assert claim is not None, "an event of this gateway goes to hear()"
        self._pass_time(heard.t_s)
        incident = self._of_event.get(heard.event_id)
        named = [one for one in self._incidents if one.names & claim.names]
        if incident is None:
            if self._foreign() >= MOST_FOREIGN or (heard.phase is Phase.END and not named):
                self.foreign_dropped += self._foreign() >= MOST_FOREIGN
                return []
            incident = named[0] if named else self._place(heard)
            self._of_event[heard.event_id] = incident
        for other in named:
            if other is not incident:
                self._unite(incident, other)
        if len(incident.names | claim.names) <= MOST_NAMES:
            incident.names |= claim.names
        incident.take(heard, heard.t_s)
        return list(incident.tellings(None))

    def recall(self, heard: Heard) -> None:
        """An event of this gateway that was ended by a restart, so that its incident can go on."""
        assert heard.claim is not None
        self._pass_time(heard.t_s)
        incident = next((one for one in self._incidents if one.names & heard.claim.names), None)
        if incident is None:
            incident = Incident(heard)
            self._incidents.append(incident)
        self._of_event[heard.event_id] = incident
        incident.take(heard, heard.t_s)

    def confirm(self, event_id: str, now_s: float) -> list[Telling]:
        """A person confirms the incident of this event; nothing follows if it is over, or not known."""
        self._pass_time(now_s)
        incident = self._of_event.get(event_id)
        if incident is None:
            return []
        incident.confirm(ConfirmedBy.PERSON.value)
        return list(incident.tellings(None))

    def incident_of(self, event_id: str) -> str | None:
        """The name of an event's incident; None once it is forgotten."""
        incident = self._of_event.get(event_id)
        return None if incident is None else incident.incident_id

    def __len__(self) -> int:
        """Incidents that are open or may go on."""
        return len(self._incidents)

    def _place(self, new: Heard) -> Incident:
        """The incident that a new event belongs to: the one that fits best, else one of its own."""
        fits = [(fit, incident) for incident in self._incidents if (fit := incident.fit(new)) is not None]
        if fits:
            incident = min(fits, key=lambda pair: pair[0])[1]
        else:
            incident = Incident(new)
            self._incidents.append(incident)
        self._of_event[new.event_id] = incident
        return incident

    def _unite(self, incident: Incident, other: Incident) -> None:
        incident.absorb(other)
        self._incidents.remove(other)
        self._of_event |= dict.fromkeys(other.members, incident)

    def _pass_time(self, now_s: float) -> None:
        self._now_s = max(self._now_s, now_s)
        for incident in self._incidents:
            incident.settle(self._now_s)
        self._forget(incident for incident in tuple(self._incidents) if incident.state is State.OVER)

    def _forget(self, over: Iterable[Incident]) -> None:
        for incident in over:
            self._incidents.remove(incident)
            for event_id in incident.members:
                del self._of_event[event_id]

    def _foreign(self) -> int:
        events = (one for incident in self._incidents for one in incident.members.values())
        return sum(not member.heard.ours for member in events)
