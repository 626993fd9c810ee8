"""Missing alerts: what to speak of, what to ask for again, when to give up. Pure; time is an argument.

All lanes of all gateways. One request per gateway is under way at a time, for at most `most_asked` numbers
of one lane; its rows come on their own topics and fill the holes. Unanswered or unfilled requests are
repeated at growing intervals. What a gateway says it no longer keeps is given up, and told; should it come
all the same, it is an alert like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from control_room.notices import GapFilled, GapFound, GapLost
from control_room.numbers import GapRules, LaneKey, LaneNumbers, LaneRecord, Span
from gateway.contract.types import Heartbeat, Response
from gateway.contract.vocabulary import Lane, Result

MOST_GATEWAYS = 10_000
UNHEARD_AFTER = 3  # requests without an answer
MOST_NUMBERINGS = 4  # of one gateway: each is a store that it once had
GapNotice = GapFound | GapFilled | GapLost


@dataclass(frozen=True, slots=True)
class AskRules:
    """answer_s: how long to wait for an answer, and then for each next row, before asking again."""

    most_asked: int = 500
    answer_s: float = 10.0
    most_s: float = 600.0


@dataclass(frozen=True, slots=True)
class ResendWanted:
    """Ask this gateway for these numbers; `sent` or `not_sent` follows."""

    key: LaneKey
    span: Span


@dataclass(slots=True)
class _Asked:
    key: LaneKey
    span: Span
    transaction: str
    until_s: float
    answered: bool = False


@dataclass(slots=True)
class _Source:
    """One gateway. numbering: the store that it counts with now, None before its first heartbeat."""

    lanes: dict[LaneKey, LaneNumbers] = field(default_factory=dict)
    numbering: str | None = None
    asked: _Asked | None = None
    failures: int = 0
    unanswered: int = 0  # in a row, and nothing else came either
    not_before_s: float = 0.0
    tried: tuple[LaneKey, int] | None = None
    open_gaps: set[LaneKey] = field(default_factory=set)


class Gaps:
    """note() what comes, poll() now and then; `records` are what the ledger keeps of it."""

    def __init__(
        self,
        kept: Iterable[LaneRecord] = (),
        now_s: float = 0.0,
        rules: GapRules | None = None,
        asking: AskRules | None = None,
    ) -> None:
        self._rules = rules or GapRules()
        self._asking = asking or AskRules()
        self._sources: dict[tuple[str, str], _Source] = {}
        self._met: dict[LaneKey, int] = {}
        self._forgotten: list[LaneKey] = []
        self._told: list[GapNotice] = []
        for record in kept:
            lane = LaneNumbers(record.highest, now_s, record.missing)
            lane.changed = False
            self._source(record.key).lanes[record.key] = lane
            self._met[record.key] = record.met

    @property
    def gateways(self) -> list[tuple[str, str]]:
        """Site and gateway of all that were ever met."""
        return list(self._sources)

    def missing(self, key: LaneKey) -> tuple[Span, ...]:
        source = self._sources.get((key.site, key.gateway), _Source())
        return source.lanes[key].missing if key in source.lanes else ()

    def note(self, key: LaneKey, number: int, now_s: float) -> None:
        """An alert with this number of a lane came."""
        source = self._source(key)
        source.unanswered = 0
        lane = self._lane(source, key, number - 1, now_s)
        if lane is None:
            return
        if lane.note(number, now_s):
            source.failures = 0
        asked = source.asked
        if asked is not None and asked.key == key and asked.span.first <= number <= asked.span.last:
            asked.until_s = now_s + self._asking.answer_s
            if asked.answered and not lane.missing_in(asked.span):
                source.asked = None
                source.not_before_s = now_s
        if key in source.open_gaps and not lane.missing:
            source.open_gaps.discard(key)
            self._told.append(GapFilled(key.site, key.gateway, key.lane))

    def heard(self, beat: Heartbeat, now_s: float) -> None:
        """A heartbeat says which numbers were given last."""
        for lane, number in ((Lane.LIVE, beat.live_seq), (Lane.HISTORICAL, beat.historical_seq)):
            key = LaneKey(beat.site, beat.gateway, beat.numbering, lane)
            source = self._source(key)
            source.numbering = beat.numbering
            known = self._lane(source, key, number, now_s)
            if known is not None:
                known.last_given(number, now_s)

    def poll(self, now_s: float, reachable: Iterable[tuple[str, str]]) -> list[ResendWanted]:
        """What to ask for now. reachable: gateways that would hear it."""
        can_hear = set(reachable)
        wanted = []
        for gateway, source in self._sources.items():
            late = self._overdue(source, now_s, asked=gateway in can_hear)
            asked = source.asked
            if asked is not None and now_s >= asked.until_s:
                self._failed(source, now_s)
            if source.asked is None and late and gateway in can_hear and now_s >= source.not_before_s:
                wanted.append(_next(late, source.tried))
        return wanted

    def sent(self, wanted: ResendWanted, transaction: str, now_s: float) -> None:
        """It was asked, under this name."""
        until_s = now_s + self._asking.answer_s
        self._source(wanted.key).asked = _Asked(wanted.key, wanted.span, transaction, until_s)

    def answered(self, response: Response, now_s: float) -> None:
        """The gateway's answer to a request to send again."""
        source = self._sources.get((response.site, response.gateway))
        asked = None if source is None else source.asked
        if source is None or asked is None or asked.transaction != response.transaction:
            return
        source.unanswered = 0
        lane = source.lanes[asked.key]
        if response.result is Result.OK:
            gone = response.gone and response.gone >= lane.missing_in(asked.span)
        else:
            gone = asked.key.numbering != source.numbering
        if gone:
            self._give_up(source, asked.key, lane.give_up(asked.span))
            source.asked = None
        elif response.resent == 0:
            self._failed(source, now_s)  # refused, or no room for it now
        else:
            asked.answered = True
            asked.until_s = now_s + self._asking.answer_s
            if not lane.missing_in(asked.span):
                source.asked = None

    def reconnected(self, now_s: float) -> None:
        """The way to the gateways is a new one: ask again at once."""
        for source in self._sources.values():
            source.asked = None
            source.failures = 0
            source.not_before_s = now_s

    def take_unheard(self) -> list[tuple[str, str]]:
        """Gateways that leave one request after the other unanswered, and of which no alert comes, once."""
        unheard = [name for name, source in self._sources.items() if source.unanswered >= UNHEARD_AFTER]
        for name in unheard:
            self._sources[name].unanswered = 0
        return unheard

    def take_told(self) -> list[GapNotice]:
        """What to tell people, once."""
        told, self._told = self._told, []
        return told

    def take_changes(self) -> tuple[list[LaneRecord], list[LaneKey]]:
        """What the ledger has to keep anew, and to forget."""
        records = []
        for source in self._sources.values():
            for key, lane in source.lanes.items():
                if lane.changed:
                    lane.changed = False
                    records.append(LaneRecord(key, self._met[key], lane.highest, lane.missing))
        forgotten, self._forgotten = self._forgotten, []
        return records, forgotten

    def _overdue(self, source: _Source, now_s: float, *, asked: bool) -> list[ResendWanted]:
        wanted = []
        for key, lane in source.lanes.items():
            late, new = lane.overdue(now_s, self._rules)
            for span in new:
                source.open_gaps.add(key)
                self._told.append(GapFound(key.site, key.gateway, key.lane, span.first, span.last, asked))
            for span in lane.take_given_up():
                self._give_up(source, key, span.count)
            for span in late:
                last = min(span.last, span.first + self._asking.most_asked - 1)
                wanted.append(ResendWanted(key, Span(span.first, last)))
        return wanted

    def _failed(self, source: _Source, now_s: float) -> None:
        delay_s = min(self._asking.most_s, self._asking.answer_s * 2.0 ** min(source.failures, 30))
        source.failures += 1
        if source.asked is not None:
            source.unanswered += not source.asked.answered
            source.tried = (source.asked.key, source.asked.span.first)
        source.asked = None
        source.not_before_s = now_s + delay_s

    def _give_up(self, source: _Source, key: LaneKey, count: int) -> None:
        if count:
            self._told.append(GapLost(key.site, key.gateway, key.lane, count))
        if not source.lanes[key].missing:
            source.open_gaps.discard(key)

    def _source(self, key: LaneKey) -> _Source:
        gateway = (key.site, key.gateway)
        if gateway not in self._sources:
            source = _Source()
            if len(self._sources) < MOST_GATEWAYS:
                self._sources[gateway] = source
            return source
        return self._sources[gateway]

    def _lane(self, source: _Source, key: LaneKey, before: int, now_s: float) -> LaneNumbers | None:
        """The lane; a new one begins after `before`.

        Only the first store that is met of a gateway may have counted before we came: of its next one, all
        numbers are ours.
        """
        lane = source.lanes.get(key)
        if lane is None and (key.site, key.gateway) in self._sources:
            others = {other.numbering for other in source.lanes} - {key.numbering}
            lane = LaneNumbers(0 if others else before, now_s)
            source.lanes[key] = lane
            self._met[key] = max(self._met.values(), default=0) + 1
            if len(others) >= MOST_NUMBERINGS:
                self._forget_oldest(source)
        return lane

    def _forget_oldest(self, source: _Source) -> None:
        oldest = min((key for key in source.lanes), key=self._met.__getitem__).numbering
        for key in [key for key in source.lanes if key.numbering == oldest]:
            del source.lanes[key], self._met[key]
            source.open_gaps.discard(key)
            self._forgotten.append(key)
        if source.asked is not None and source.asked.key.numbering == oldest:
            source.asked = None


def _next(late: list[ResendWanted], tried: tuple[LaneKey, int] | None) -> ResendWanted:
    """The first in order, or the first after one that was tried in vain: none stands in the way of others."""
    late = sorted(late, key=lambda one: (one.key, one.span.first))
    after = (one for one in late if tried is not None and (one.key, one.span.first) > tried)
    return next(after, late[0])
