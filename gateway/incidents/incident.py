"""One incident: its events, its names, its state, and what its events have to tell."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.contract.one_sound import at_one_time, may_go_together, needed_db, one_source, same_kind
from gateway.contract.one_sound import distance_m as distance_between
from gateway.contract.vocabulary import ConfirmedBy, Phase, Priority
from gateway.incidents.states import CONFIRMED_STATES, FADING_STATES, TABLE, Signal, State
from gateway.incidents.types import Heard, Standing, Telling
from gateway.incidents.whereabouts import contributions, position_of

RESUMES_S = 15.0
"""What begins at a sensor within this of its last evidence goes on with the incident."""
LONGEST_S = 600.0
"""After this an incident takes in no new events: what begins then is news again."""
SILENT_S = 900.0
"""An event of another gateway of which nothing more is heard counts as ended."""
MOST_NAMES = 17

Fit = tuple[bool, bool, float, float, str]
"""How well an event fits, least is best: no sensor agrees, its own is new here, level, time, name."""


@dataclass(slots=True)
class Member:
    """An event of the incident. told: what it has said last of its incident."""

    heard: Heard
    heard_s: float
    shift: int = 0
    told: tuple[str, Priority, tuple[str, ...]] | None = None
    told_sources: int = 0

    @property
    def open(self) -> bool:
        return self.heard.phase is not Phase.END


class Incident:
    def __init__(self, first: Heard) -> None:
        """Named after its first event, so that the same event gives the same name after a crash."""
        claim = first.claim
        self.names: set[str] = {first.event_id} if claim is None else set(claim.names)
        self.members: dict[str, Member] = {}
        self.state = State.LOOK
        self.confirmed_by: tuple[str, ...] = ()
        self.begun_s = first.trace.onset_s

    @property
    def incident_id(self) -> str:
        """The smallest of its names: gateways that know the same names agree without a word."""
        return min(self.names)

    @property
    def confirmed(self) -> bool:
        return self.state in CONFIRMED_STATES

    @property
    def ours(self) -> bool:
        return any(member.heard.ours for member in self.members.values())

    def fit(self, new: Heard) -> Fit | None:
        """Whether an event that is new belongs here, and how well.

        All sensors that hear something of its kind now must be able to hear one source with it: what two of
        them cannot share, a third one between them does not make one.
        """
        if new.trace.onset_s > self.begun_s + LONGEST_S:
            return None
        at_its_place = any(self._resumed(member, new) for member in self.members.values())
        others = list(self._others(new))
        agree = bool(others) and all(one_source(other.trace, new.trace) for other in others)
        if not agree:
            return (True, False, math.inf, math.inf, self.incident_id) if at_its_place else None
        level_db = min(_needed_db(other, new) for other in others)
        apart_s = min(abs(other.trace.onset_s - new.trace.onset_s) for other in others)
        return (False, not at_its_place, level_db, apart_s, self.incident_id)

    def take(self, heard: Heard, now_s: float) -> None:
        """A new event, or a newer revision of one that is here. An end is final."""
        known = self.members.get(heard.event_id)
        if known is None:
            self.members[heard.event_id] = Member(heard, now_s)
            self.begun_s = min(self.begun_s, heard.trace.onset_s)
        elif known.open:
            known.heard, known.heard_s = heard, now_s
        agreed = any(self._confirms(other, heard) for other in self._others(heard))
        if agreed and not self.confirmed:
            self._confirm(ConfirmedBy.SENSOR, Signal.AGREED)
        elif known is None:
            self.state = TABLE[self.state, Signal.JOINED]
        claim = heard.claim
        if claim is not None and claim.priority is Priority.GO:
            self.confirm(*(claim.confirmed_by or (ConfirmedBy.SENSOR.value,)))
        self.settle(now_s)

    def confirm(self, *codes: str) -> None:
        for code in codes:
            self._confirm(code, Signal.CONFIRMED)

    def settle(self, now_s: float) -> None:
        """Fade when nothing of it is open any more, lapse when nothing has come since."""
        if self.state is State.OVER:
            return
        lasts = any(self._lasts(member, now_s) for member in self.members.values())
        if self.state not in FADING_STATES and not lasts:
            self.state = TABLE[self.state, Signal.ALL_ENDED]
        if self.state in FADING_STATES and now_s > self._until_s() + RESUMES_S:
            self.state = TABLE[self.state, Signal.LAPSED]

    def absorb(self, other: Incident) -> None:
        """Both are one, says who owns an event of them: events, names and what confirmed them together."""
        self.members |= other.members
        self.names |= other.names
        self.begun_s = min(self.begun_s, other.begun_s)
        if other.confirmed and not self.confirmed:
            self.confirm(*other.confirmed_by)
        for code in other.confirmed_by:
            if code not in self.confirmed_by:
                self.confirmed_by = (*self.confirmed_by, code)
        if self.state in FADING_STATES and other.state not in FADING_STATES:
            self.state = TABLE[self.state, Signal.JOINED]

    def tellings(self, event_id: str | None) -> Iterator[Telling]:
        """What leaves now: this event's own revision first, then the open ones for which something is new.

        Name, priority and its reason concern every event; a longer list of sensors only the leading one.
        """
        own = self.members.get(event_id or "")
        if own is not None:
            yield self._telling(own, anew=False)
        open_ones = [one for one in self.members.values() if one.open and one.heard.ours]
        lead = min(open_ones, key=lambda one: (one.heard.trace.onset_s, one.heard.event_id), default=None)
        sources = len(self._sources())
        for one in open_ones:
            longer = one is lead and one.told_sources != sources
            if one is not own and (longer or one.told != self._now_told()):
                one.shift += 1
                yield self._telling(one, anew=True)

    def _telling(self, member: Member, *, anew: bool) -> Telling:
        member.told, member.told_sources = self._now_told(), len(self._sources())
        events = [one.heard for one in self.members.values()]
        name = self.incident_id
        standing = Standing(
            incident_id=name,
            aliases=tuple(sorted(self.names - {name}))[: MOST_NAMES - 1],
            priority=self._priority(),
            confirmed_by=self.confirmed_by,
            sensors=contributions(member.heard, events),
            position=position_of(events),
            shift=member.shift,
        )
        return Telling(member.heard.event_id, standing, anew)

    def _now_told(self) -> tuple[str, Priority, tuple[str, ...]]:
        return self.incident_id, self._priority(), self.confirmed_by

    def _priority(self) -> Priority:
        return Priority.GO if self.confirmed else Priority.LOOK

    def _sources(self) -> set[str]:
        return {member.heard.source for member in self.members.values()}

    def _confirm(self, code: str, signal: Signal) -> None:
        self.state = TABLE[self.state, signal]
        if code not in self.confirmed_by:
            self.confirmed_by = (*self.confirmed_by, str(code))

    def _others(self, new: Heard) -> Iterator[Heard]:
        """Events of other sensors that go on when this one does, of classes that may go together."""
        for other in (member.heard for member in self.members.values()):
            fits = may_go_together(other.trace.event_class, new.trace.event_class)
            if other.source != new.source and fits and at_one_time(other.trace, new.trace):
                yield other

    def _resumed(self, member: Member, new: Heard) -> bool:
        until_s = member.heard.trace.until_s
        return member.heard.source == new.source and new.trace.onset_s <= until_s + RESUMES_S

    def _confirms(self, other: Heard, new: Heard) -> bool:
        of_a_kind = same_kind(other.trace.event_class, new.trace.event_class)
        return of_a_kind and not (other.doubted or new.doubted) and one_source(other.trace, new.trace)

    def _lasts(self, member: Member, now_s: float) -> bool:
        return member.open and (member.heard.ours or now_s <= member.heard_s + SILENT_S)

    def _until_s(self) -> float:
        """When the last evidence was, or the last word of an event that nobody ended."""
        return max(min(one.heard.trace.until_s, one.heard_s) for one in self.members.values())


def _needed_db(one: Heard, other: Heard) -> float:
    apart_m = distance_between(one.trace, other.trace)
    return math.inf if apart_m is None else needed_db(one.trace.lafmax_db, other.trace.lafmax_db, apart_m)
