"""Payload <-> JSON bytes.

Writing: what does not fit the contract is our mistake and raises, so nothing invalid ever leaves.
Reading: what does not fit is somebody else's bytes and comes back as a value. Unknown fields are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from gateway.contract.topics import TopicKind
from gateway.contract.types import (
    Alert,
    CoverageReport,
    GatewayHealth,
    GatewayStatus,
    Heartbeat,
    LevelReport,
    Payload,
    Receipt,
    Request,
    Response,
    SensorAvailability,
    SensorHealth,
    SensorLevel,
)

_P = TypeVar("_P", bound=Payload)

PAYLOAD_BY_KIND: dict[TopicKind, type[Payload]] = {
    TopicKind.STATUS: GatewayStatus,
    TopicKind.HEALTH: GatewayHealth,
    TopicKind.SENSOR_AVAILABILITY: SensorAvailability,
    TopicKind.SENSOR_LEVEL: SensorLevel,
    TopicKind.SENSOR_HEALTH: SensorHealth,
    TopicKind.EVENT: Alert,
    TopicKind.HEARTBEAT: Heartbeat,
    TopicKind.RECEIPT: Receipt,
    TopicKind.REQUEST: Request,
    TopicKind.RESPONSE: Response,
    TopicKind.RECORD_STATUS: GatewayStatus,
    TopicKind.RECORD_AVAILABILITY: SensorAvailability,
    TopicKind.RECORD_COVERAGE: CoverageReport,
    TopicKind.RECORD_LEVEL: LevelReport,
}

_encoder = msgspec.json.Encoder()
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {
    payload_type: msgspec.json.Decoder(payload_type) for payload_type in PAYLOAD_BY_KIND.values()
}


@dataclass(frozen=True, slots=True)
class BadPayload:
    """Bytes that are not the payload they should be, and why."""

    reason: str
    raw: bytes


def encode(payload: Payload) -> bytes:
    """UTF-8 JSON, one line. Raises ValueError for a payload that breaks the contract (bounds, NaN, times)."""
    raw = _encoder.encode(payload)
    again = decode(raw, type(payload))
    if isinstance(again, BadPayload):
        raise ValueError(f"{type(payload).__name__} breaks the contract: {again.reason}")
    return raw


def decode(raw: bytes, payload_type: type[_P]) -> _P | BadPayload:
    """The payload of this type, or why the bytes are not one."""
    try:
        payload: _P = _decoders[payload_type].decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return BadPayload(str(error), raw)
    return payload


def decode_for(kind: TopicKind, raw: bytes) -> Payload | BadPayload:
    """The payload that belongs on a topic of this kind, or why the bytes are not one."""
    return decode(raw, PAYLOAD_BY_KIND[kind])
