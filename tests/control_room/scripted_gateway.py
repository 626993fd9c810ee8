"""A gateway as a receiver sees it, scripted: rows in two lanes, receipts that count, answers to requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gateway.contract.encoding import BadPayload, decode_for, encode
from gateway.contract.examples import HEARTBEAT, RESPONSE
from gateway.contract.topics import TopicBuilder, TopicKind, parse_topic
from gateway.contract.types import Alert, Heartbeat, Receipt, Request, Response, replace
from gateway.contract.vocabulary import Command, Lane, Phase, Result

Posting = tuple[str, bytes]
"""Topic and payload."""


@dataclass(slots=True)
class ScriptedGateway:
    """Rows get their numbers when they are added; `gone` are no longer kept."""

    receiver: str = "room"
    site: str = "harbour"
    gateway: str = "gw-1"
    numbering: str = "9c41d07be2a35f68"
    boot_id: str = "b7f3c2"
    rows: list[Alert] = field(default_factory=list)
    received: set[tuple[str, int]] = field(default_factory=set)
    gone: set[tuple[Lane, int]] = field(default_factory=set)
    requests: list[tuple[Command, Request]] = field(default_factory=list)
    beats_answered: list[int] = field(default_factory=list)
    beat: int = 0

    @property
    def topics(self) -> TopicBuilder:
        return TopicBuilder(self.site, self.gateway)

    def add(self, alert: Alert) -> Alert:
        """Commit one revision: numbered in its lane."""
        seq = 1 + sum(row.lane is alert.lane for row in self.rows)
        place = {"site": self.site, "gateway": self.gateway, "boot_id": self.boot_id}
        row = replace(alert, **place, numbering=self.numbering, seq=seq)
        self.rows.append(row)
        return row

    def event(self, row: Alert, **changes: object) -> Posting:
        return self.topics.event(row.event_class), encode(replace(row, **changes))

    def unreceived(self) -> list[Alert]:
        return [row for row in self.rows if (row.event_id, row.revision) not in self.received]

    def heartbeat(self, **changes: object) -> Posting:
        self.beat += 1
        beat: Heartbeat = replace(
            HEARTBEAT,
            site=self.site,
            gateway=self.gateway,
            boot_id=self.boot_id,
            numbering=self.numbering,
            beat=self.beat,
            interval_s=2.0,
            live_seq=self._last(Lane.LIVE),
            historical_seq=self._last(Lane.HISTORICAL),
        )
        return self.topics.heartbeat, encode(replace(beat, **changes))

    def hear(self, topic: str, payload: bytes) -> list[Posting]:
        """What a receiver published; the answers to it."""
        parsed = parse_topic(topic)
        if (parsed.site, parsed.gateway) != (self.site, self.gateway):
            return []
        said = decode_for(parsed.kind, payload)
        assert not isinstance(said, BadPayload), said.reason
        if isinstance(said, Receipt):
            if said.receiver != self.receiver:
                return []  # nobody named in its settings
            self.received.update((one.event_id, one.revision) for one in said.received)
            if said.beat is not None:
                self.beats_answered.append(said.beat)
            return []
        assert isinstance(said, Request)
        assert parsed.kind is TopicKind.REQUEST
        assert parsed.command is not None
        self.requests.append((parsed.command, said))
        return list(self._answer(parsed.command, said))

    def open_rows(self) -> list[Alert]:
        """The latest revision of each event that is open."""
        latest = {row.event_id: row for row in self.rows}
        return [row for row in latest.values() if row.phase is not Phase.END]

    def _answer(self, command: Command, asked: Request) -> Iterator[Posting]:
        if command is Command.OPEN:
            parts = [[replace(row, age_s=1.0)] for row in self.open_rows()] or [[]]
            for number, part in enumerate(parts, 1):
                yield self._response(command, asked, part=number, parts=len(parts), alerts=tuple(part))
            return
        if command is Command.CONFIRM:
            is_open = asked.event_id in {row.event_id for row in self.open_rows()}
            yield self._response(command, asked, result=Result.OK if is_open else Result.REFUSED)
            return
        assert asked.first_seq is not None
        assert asked.last_seq is not None
        wanted = range(asked.first_seq, asked.last_seq + 1)
        if asked.numbering != self.numbering:
            yield self._response(command, asked, gone=len(wanted))
            return
        rows = [row for row in self.rows if row.lane is asked.lane and row.seq in wanted]
        kept = [row for row in rows if (row.lane, row.seq) not in self.gone]
        yield self._response(command, asked, resent=len(kept), gone=len(rows) - len(kept))
        yield from (self.event(row) for row in kept)

    def _response(self, command: Command, asked: Request, **fields: object) -> Posting:
        answer: Response = replace(
            RESPONSE,
            site=self.site,
            gateway=self.gateway,
            receiver=asked.receiver,
            transaction=asked.transaction,
            **{"resent": 0, "gone": 0, "result": Result.OK} | fields,
        )
        return self.topics.response(command), encode(answer)

    def _last(self, lane: Lane) -> int:
        return sum(row.lane is lane for row in self.rows)


def in_lanes(alerts: Iterable[Alert], backlog_events: Iterable[str]) -> list[Alert]:
    """All revisions of an event in one lane."""
    backlog = set(backlog_events)
    return [
        replace(one, lane=Lane.HISTORICAL, historical=True, age_s=900.0) if one.event_id in backlog else one
        for one in alerts
    ]
