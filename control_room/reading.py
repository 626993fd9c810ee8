"""One message, read and checked: a payload that may be believed, or why not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from control_room.changes import BadMessage, Ignored
from gateway.contract.encoding import BadPayload, decode_for
from gateway.contract.topics import Topic, TopicKind, parse_topic
from gateway.contract.types import Alert, Heartbeat, Payload, Receipt, Request, Response, SensorAvailability
from gateway.contract.vocabulary import Command

MOST_BYTES = 1 << 20
MOST_NUMBER = 2**53  # what every JSON reader takes, and every database

# What must never come out of a broker's store: what is over would happen again.
NEVER_RETAINED = {
    TopicKind.EVENT,
    TopicKind.HEARTBEAT,
    TopicKind.RECEIPT,
    TopicKind.REQUEST,
    TopicKind.RESPONSE,
}


@dataclass(frozen=True, slots=True)
class Reading:
    """A payload that belongs on its topic; None: the topic was emptied (a sensor was taken away)."""

    topic: Topic
    payload: Payload | None


def read(topic: str, payload: bytes, *, retained: bool = False) -> Reading | BadMessage | Ignored:
    """The payload, if it says of itself what its topic says of it."""
    try:
        parsed = parse_topic(topic)
    except ValueError as problem:
        return BadMessage(topic, str(problem))
    if retained and parsed.kind in NEVER_RETAINED:
        return Ignored.RETAINED
    if not payload:
        return Reading(parsed, None)
    if len(payload) > MOST_BYTES:
        return BadMessage(topic, f"{len(payload)} bytes are too many")
    decoded = decode_for(parsed.kind, payload)
    if isinstance(decoded, BadPayload):
        return BadMessage(topic, decoded.reason)
    contradiction = _contradiction(parsed, decoded)
    return Reading(parsed, decoded) if contradiction is None else BadMessage(topic, contradiction)


def _contradiction(topic: Topic, payload: Payload) -> str | None:
    """Where the payload says something else than its topic, or what nobody could mean."""
    if (payload.site, payload.gateway) != (topic.site, topic.gateway):
        return f"it comes from {payload.site}/{payload.gateway}, says the payload"
    match payload:
        case Alert():
            if payload.event_class != topic.event_class:
                return f"its class is {payload.event_class}, says the payload"
            return alert_problem(payload)
        case SensorAvailability() if payload.sensor_id != topic.sensor_id:
            return f"it is of sensor {payload.sensor_id}, says the payload"
        case Heartbeat() if max(payload.beat, payload.live_seq, payload.historical_seq) > MOST_NUMBER:
            return "its numbers are too large"
        case Response() if topic.command is Command.OPEN:
            return _strange_answer(payload)
    return None


def alert_problem(alert: Alert) -> str | None:
    """What cannot be in an alert although every field of it is valid."""
    if alert.revision > MOST_NUMBER or (alert.seq or 0) > MOST_NUMBER:
        return "its numbers are too large"
    return None


def _strange_answer(response: Response) -> str | None:
    for alert in response.alerts:
        if (alert.site, alert.gateway) != (response.site, response.gateway):
            return f"an alert in it is of {alert.site}/{alert.gateway}"
        problem = alert_problem(alert)
        if problem is not None:
            return f"an alert in it: {problem}"
    return None


def is_ours(payload: Payload) -> bool:
    """Whether a receiver has any use for it: requests and receipts are for gateways."""
    return not isinstance(payload, Receipt | Request)
