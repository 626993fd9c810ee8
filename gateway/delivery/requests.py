"""What others say to the gateway: receipts, requests with their answers, and alerts of neighbours.

Everything here is somebody else's bytes: what does not fit is counted and dropped. What a broker had retained
is ignored, as requests and receipts are never state.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.contract.encoding import BadPayload, decode, decode_for, encode
from gateway.contract.topics import Topic, TopicBuilder, TopicKind, parse_topic
from gateway.contract.types import Alert, Receipt, Request, Response, Text
from gateway.contract.vocabulary import SCHEMA_VERSION, Command, Lane, Result
from gateway.delivery.broker_link import Heard
from gateway.delivery.outbox import Outbox, OutboxRow, RowKey
from gateway.delivery.path import Posting

MOST_RESENT = 1000
ALERTS_A_PART = 20


@dataclass(frozen=True, slots=True)
class Asked:
    """A request with its command."""

    command: Command
    request: Request


class Inward(Protocol):
    """What goes on to the pipeline; called on the publisher's thread, returns quickly."""

    def neighbour(self, alert: Alert) -> None: ...
    def confirm(self, event_id: str) -> None: ...


class NobodyInward:
    """For a publisher without a pipeline."""

    def neighbour(self, alert: Alert) -> None: ...
    def confirm(self, event_id: str) -> None: ...


def understand(heard: Heard, topics: TopicBuilder) -> Receipt | Asked | Alert | None:
    """What came in; None for what is no receipt or request to this gateway, nor another one's alert.

    Alerts only come from the neighbours whose events were subscribed to; only those of one's own site count.
    """
    if heard.retained:
        return None
    try:
        topic = parse_topic(heard.topic)
    except ValueError:
        return None
    to_us = topic.gateway == topics.gateway and topic.kind in _OURS
    of_neighbour = topic.gateway != topics.gateway and topic.kind is TopicKind.EVENT
    if topic.site != topics.site or not (to_us or of_neighbour):
        return None
    payload = decode_for(topic.kind, heard.payload)
    if isinstance(payload, BadPayload) or not _is_for(payload, topic):
        return None
    if isinstance(payload, Receipt | Alert):
        return payload
    assert isinstance(payload, Request)
    assert topic.command is not None
    return Asked(topic.command, payload)


class RequestDesk:
    """Answers requests from the outbox. again: takes rows of a lane to be sent once more, says how many.

    inward: told what a person confirms; the revision that says so comes from the pipeline in its turn.
    """

    def __init__(
        self,
        topics: TopicBuilder,
        outbox: Outbox,
        stamp: Callable[[Alert, OutboxRow], Alert],
        again: Callable[[Lane, Sequence[RowKey]], int],
        start_test: Callable[[], bool],
        inward: Inward,
    ) -> None:
        self._topics = topics
        self._outbox = outbox
        self._stamp = stamp
        self._again = again
        self._start_test = start_test
        self._inward = inward

    def answer(self, asked: Asked) -> list[Posting]:
        """The answer, in as many parts as it needs. Raises OutboxError when the outbox cannot be read."""
        match asked.command:
            case Command.OPEN:
                return self._open(asked)
            case Command.RESEND:
                return self._resend(asked)
            case Command.TEST:
                if self._start_test():
                    return [self._posting(asked, Result.OK)]
                return [self._posting(asked, Result.REFUSED, message=_TEST_TOO_SOON)]
            case Command.CONFIRM:
                return [self._confirm(asked)]

    def refuse_stranger(self, asked: Asked) -> Posting:
        """For a name that the settings do not have."""
        return self._posting(asked, Result.REFUSED, message=_STRANGER)

    def _open(self, asked: Asked) -> list[Posting]:
        """Events that are open now, as they stand; nothing that is over."""
        alerts = []
        for row in self._outbox.open_events():
            alert = decode(row.alert_json, Alert)
            if not isinstance(alert, BadPayload):
                alerts.append(self._stamp(alert, row))
        parts = [alerts[at : at + ALERTS_A_PART] for at in range(0, len(alerts), ALERTS_A_PART)] or [[]]
        return [
            self._posting(asked, Result.OK, part=number, parts=len(parts), alerts=part)
            for number, part in enumerate(parts, 1)
        ]

    def _confirm(self, asked: Asked) -> Posting:
        event_id = asked.request.event_id
        if event_id is None:
            return self._posting(asked, Result.REFUSED, message=_CONFIRM_UNCLEAR)
        if event_id not in self._outbox.open_event_ids():
            return self._posting(asked, Result.REFUSED, message=_CONFIRM_OVER)
        self._inward.confirm(event_id)
        return self._posting(asked, Result.OK)

    def _resend(self, asked: Asked) -> list[Posting]:
        request = asked.request
        lane, first, last = request.lane, request.first_seq, request.last_seq
        if lane is None or first is None or last is None or request.numbering is None or last < first:
            return [self._posting(asked, Result.REFUSED, message=_RESEND_UNCLEAR)]
        if request.numbering != self._outbox.numbering:
            gone = last - first + 1  # that store is no more
            return [self._posting(asked, Result.OK, gone=gone, message=_OTHER_NUMBERING)]
        if last - first >= MOST_RESENT:
            return [self._posting(asked, Result.REFUSED, message=_RESEND_TOO_MANY)]
        asked_for = range(first, min(last, self._outbox.last_numbers()[lane]) + 1)
        kept = self._outbox.numbered(lane, first, last)
        resent = self._again(lane, kept)
        return [self._posting(asked, Result.OK, resent=resent, gone=len(asked_for) - len(kept))]

    def _posting(
        self,
        asked: Asked,
        result: Result,
        *,
        part: int = 1,
        parts: int = 1,
        alerts: Sequence[Alert] = (),
        resent: int = 0,
        gone: int = 0,
        message: Text | None = None,
    ) -> Posting:
        response = Response(
            schema=SCHEMA_VERSION,
            site=self._topics.site,
            gateway=self._topics.gateway,
            receiver=asked.request.receiver,
            transaction=asked.request.transaction,
            result=result,
            part=part,
            parts=parts,
            alerts=tuple(alerts),
            resent=resent,
            gone=gone,
            message=message,
        )
        return Posting(self._topics.response(asked.command), encode(response))


_OURS = (TopicKind.RECEIPT, TopicKind.REQUEST)
_STRANGER = Text(
    en="This gateway does not know a receiver of this name: see [delivery] receivers in its settings",
    nl="Deze gateway kent geen ontvanger met deze naam: zie [delivery] receivers in zijn instellingen",
)
_TEST_TOO_SOON = Text(
    en="A test is under way or was sent a moment ago: ask again in ten seconds",
    nl="Er loopt een test of er was er net een: vraag het over tien seconden opnieuw",
)
_CONFIRM_UNCLEAR = Text(
    en="Say event_id: any open event of the incident that is confirmed",
    nl="Noem event_id: een lopende melding van het incident dat wordt bevestigd",
)
_CONFIRM_OVER = Text(
    en="No such event is open here: it is over, or another gateway's",
    nl="Zo'n melding loopt hier niet: zij is voorbij, of van een andere gateway",
)
_RESEND_UNCLEAR = Text(
    en="Say numbering, lane, first_seq and last_seq, the last not below the first",
    nl="Noem numbering, lane, first_seq en last_seq, de laatste niet onder de eerste",
)
_RESEND_TOO_MANY = Text(
    en=f"At most {MOST_RESENT} at once: ask in pieces",
    nl=f"Hooguit {MOST_RESENT} tegelijk: vraag in delen",
)
_OTHER_NUMBERING = Text(
    en="That outbox is no longer in use: what it held cannot be sent again",
    nl="Die opslag is niet meer in gebruik: de inhoud kan niet opnieuw worden verzonden",
)


def _is_for(payload: object, topic: Topic) -> bool:
    return (getattr(payload, "site", None), getattr(payload, "gateway", None)) == (topic.site, topic.gateway)
