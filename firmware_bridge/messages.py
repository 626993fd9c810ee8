"""Payloads to messages and back (PROTOCOL.md section 5). Integers stay in their wire units.

A payload may be longer than this file knows (a newer peer): the extra bytes are ignored. A payload that is
too short or says something impossible is a `BadFrame`, a type that is not known is `Unknown`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from firmware_bridge.framing import BadFrame, BadReason, Frame, encode_frame

BAND_COUNT: Final = 24
NOT_MEASURED_I16: Final = -32768
NOT_MEASURED_U16: Final = 65535

_SERIAL = re.compile(rb"[A-Za-z0-9._-]{1,24}")
_PRINTABLE = re.compile(rb"[ -~]{0,24}")


class MessageType(IntEnum):
    """Message numbers; the high bit says that the gateway sent it."""

    HELLO = 0x01
    FEATURES = 0x02
    HEALTH = 0x03
    CALIBRATION_REPORT = 0x04
    TIME_REPLY = 0x05
    COMMAND_REPLY = 0x06
    LOG_TEXT = 0x07
    HELLO_REQUEST = 0x81
    TIME_REQUEST = 0x82
    COMMAND = 0x83
    POLL = 0x84


FROM_GATEWAY: Final = 0x80


@dataclass(frozen=True, slots=True)
class Hello:
    """A sensor introducing itself. full_scale_cdb: SPL of a full-scale sine (AES17), 0.01 dB."""

    serial: str
    hardware: str
    firmware: str
    layout_id: int
    full_scale_cdb: int
    sample_rate_hz: int
    hop_samples: int
    protocol_major: int = 1
    protocol_minor: int = 0

    @property
    def full_scale_db(self) -> float:
        """SPL of a full-scale sine, nominal, in dB."""
        return self.full_scale_cdb / 100

    @property
    def hop_s(self) -> float:
        """Duration of one hop in the sensor's own seconds."""
        return self.hop_samples / self.sample_rate_hz


class Features(NamedTuple):
    """One spectral frame of layout 1, as integers of the wire (a named tuple for the reason given at
    `Frame`).

    hop_index: hops since boot, it covers samples [hop_index * hop_samples, + hop_samples); *_cdb: 0.01 dB
    re a full-scale sine; *_code and bands: the codes of PROTOCOL.md section 6.
    """

    hop_index: int
    laeq_cdb: int
    lafmax_cdb: int
    lcpeak_code: int
    submax_code: int
    roughness_code: int
    harmonicity_code: int
    pitch_code: int
    flatness_code: int
    bands: bytes


@dataclass(frozen=True, slots=True)
class Health:
    """The sensor's own state. Units: mV, 0.1 C, 1/32768 of full scale, 0.01 dB re a full-scale sine, hops.

    Counts run since boot. supply_mv 65535, temperature_dc and self_noise_cdb -32768 mean "not measured".
    """

    supply_mv: int
    temperature_dc: int
    overload_count: int
    dc_offset: int
    dropped_frames: int
    self_noise_cdb: int
    uptime_hops: int


@dataclass(frozen=True, slots=True)
class CalibrationReport:
    """A steady tone as the sensor itself measured it. Units: 0.1 Hz, 0.01 dB, 0.01 %, 0.001 dB, ms.

    hop_index: last hop of the measurement; level_cdb: of the tone, unweighted, re a full-scale sine;
    distortion_cpct: everything but the tone, relative to it; stability_mdb: standard deviation of its level.
    """

    hop_index: int
    frequency_dhz: int
    level_cdb: int
    distortion_cpct: int
    stability_mdb: int
    averaging_ms: int


@dataclass(frozen=True, slots=True)
class TimeReply:
    """Answer to `TimeRequest`. t1_us: as asked; t2, t3: sample counts on receipt and on sending."""

    t1_us: int
    t2_samples: int
    t3_samples: int


@dataclass(frozen=True, slots=True)
class TimeRequest:
    """t1_us: the gateway's monotonic clock when asking, in microseconds; opaque to the sensor."""

    t1_us: int


@dataclass(frozen=True, slots=True)
class HelloRequest:
    """Asks the sensor to introduce itself now."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A message of a type that this version does not read."""

    type: int
    payload: bytes


Message = Hello | Features | Health | CalibrationReport | TimeReply | TimeRequest | HelloRequest | Unknown

_HELLO = struct.Struct("<BBHIIh24s24s24s")
_FEATURES = struct.Struct("<IhhBBBBBB24s")
_HEALTH = struct.Struct("<HhIhIhI")
_CALIBRATION = struct.Struct("<IIhHHH")
_TIME_REPLY = struct.Struct("<QQQ")
_TIME_REQUEST = struct.Struct("<Q")


def _text(field: bytes, allowed: re.Pattern[bytes]) -> str | None:
    """The text of a zero-padded field, or None if it holds anything not allowed."""
    text = field.rstrip(b"\0")
    return text.decode("ascii") if allowed.fullmatch(text) else None


def _parse_hello(payload: bytes) -> Hello | None:
    major, minor, layout, rate_hz, hop_samples, scale, *texts = _HELLO.unpack_from(payload)
    serial = _text(texts[0], _SERIAL)
    hardware = _text(texts[1], _PRINTABLE)
    firmware = _text(texts[2], _PRINTABLE)
    if serial is None or hardware is None or firmware is None or not rate_hz or not hop_samples:
        return None
    return Hello(serial, hardware, firmware, layout, scale, rate_hz, hop_samples, major, minor)


def _parse_features(payload: bytes) -> Features:
    return Features._make(_FEATURES.unpack_from(payload))


def _parse_health(payload: bytes) -> Health:
    return Health(*_HEALTH.unpack_from(payload))


def _parse_calibration(payload: bytes) -> CalibrationReport:
    return CalibrationReport(*_CALIBRATION.unpack_from(payload))


def _parse_time_reply(payload: bytes) -> TimeReply:
    return TimeReply(*_TIME_REPLY.unpack_from(payload))


def _parse_time_request(payload: bytes) -> TimeRequest:
    return TimeRequest(*_TIME_REQUEST.unpack_from(payload))


def _parse_hello_request(_payload: bytes) -> HelloRequest:
    return HelloRequest()


# For each type: the shortest payload, and what reads it (None: the fields contradict the protocol).
_READERS: dict[int, tuple[int, Callable[[bytes], Message | None]]] = {
    MessageType.HELLO: (_HELLO.size, _parse_hello),
    MessageType.FEATURES: (_FEATURES.size, _parse_features),
    MessageType.HEALTH: (_HEALTH.size, _parse_health),
    MessageType.CALIBRATION_REPORT: (_CALIBRATION.size, _parse_calibration),
    MessageType.TIME_REPLY: (_TIME_REPLY.size, _parse_time_reply),
    MessageType.TIME_REQUEST: (_TIME_REQUEST.size, _parse_time_request),
    MessageType.HELLO_REQUEST: (0, _parse_hello_request),
}


def parse(frame: Frame) -> Message | BadFrame:
    """Read the payload of a good frame; never raises."""
    reader = _READERS.get(frame.type)
    if reader is None:
        return Unknown(frame.type, frame.payload)
    shortest, read = reader
    message = read(frame.payload) if len(frame.payload) >= shortest else None
    return BadFrame(BadReason.BAD_PAYLOAD, encode_frame(frame)) if message is None else message


def _padded(text: str, allowed: re.Pattern[bytes]) -> bytes:
    raw = text.encode()
    if not allowed.fullmatch(raw):
        raise ValueError(f"text {text!r} does not fit its field ({allowed.pattern.decode()})")
    return raw


def _fields(message: Message) -> tuple[MessageType, bytes]:
    match message:
        case Features():
            if len(message.bands) != BAND_COUNT:
                raise ValueError(f"{len(message.bands)} bands, layout 1 has {BAND_COUNT}")
            return MessageType.FEATURES, _FEATURES.pack(*message)
        case Hello():
            return MessageType.HELLO, _HELLO.pack(
                message.protocol_major,
                message.protocol_minor,
                message.layout_id,
                message.sample_rate_hz,
                message.hop_samples,
                message.full_scale_cdb,
                _padded(message.serial, _SERIAL),
                _padded(message.hardware, _PRINTABLE),
                _padded(message.firmware, _PRINTABLE),
            )
        case Health():
            return MessageType.HEALTH, _HEALTH.pack(
                message.supply_mv,
                message.temperature_dc,
                message.overload_count,
                message.dc_offset,
                message.dropped_frames,
                message.self_noise_cdb,
                message.uptime_hops,
            )
        case CalibrationReport():
            return MessageType.CALIBRATION_REPORT, _CALIBRATION.pack(
                message.hop_index,
                message.frequency_dhz,
                message.level_cdb,
                message.distortion_cpct,
                message.stability_mdb,
                message.averaging_ms,
            )
        case TimeReply():
            return MessageType.TIME_REPLY, _TIME_REPLY.pack(
                message.t1_us, message.t2_samples, message.t3_samples
            )
        case TimeRequest():
            return MessageType.TIME_REQUEST, _TIME_REQUEST.pack(message.t1_us)
        case HelloRequest():
            return MessageType.HELLO_REQUEST, b""
        case Unknown():
            raise ValueError("a message of unknown type cannot be packed; build its Frame instead")


def pack(message: Message) -> tuple[MessageType, bytes]:
    """(type, payload) of a message. ValueError if a field does not fit."""
    try:
        return _fields(message)
    except struct.error as error:
        raise ValueError(f"field out of range in {message}: {error}") from error
