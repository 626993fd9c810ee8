"""Messages: round trips, growth at the end, and what a payload may not say."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing import BadFrame, BadReason, Decoder, Frame, encode_frame
from firmware_bridge.messages import (
    CalibrationReport,
    Features,
    Health,
    Hello,
    HelloRequest,
    Message,
    MessageType,
    TimeReply,
    TimeRequest,
    Unknown,
    pack,
    parse,
)
from tests.firmware_bridge.wire import Pen, features, hello

EXAMPLES: list[tuple[Message, MessageType, int]] = [
    (hello(), MessageType.HELLO, 86),
    (features(12345), MessageType.FEATURES, 38),
    (Health(5021, -123, 3, -17, 2, -9050, 80640), MessageType.HEALTH, 20),
    (CalibrationReport(800, 10002, -2601, 35, 12, 1000), MessageType.CALIBRATION_REPORT, 16),
    (TimeReply(1 << 40, 1 << 41, (1 << 41) + 96), MessageType.TIME_REPLY, 24),
    (TimeRequest(1 << 40), MessageType.TIME_REQUEST, 8),
    (HelloRequest(), MessageType.HELLO_REQUEST, 0),
]


@pytest.mark.parametrize(("message", "kind", "size"), EXAMPLES)
def test_round_trip_and_growth(message: Message, kind: MessageType, size: int) -> None:
    got_kind, payload = pack(message)
    assert (got_kind, len(payload)) == (kind, size)
    assert parse(Frame(kind, 0, 0, 1, 2, payload)) == message
    assert parse(Frame(kind, 0, 0, 1, 2, payload + b"new field")) == message


@pytest.mark.parametrize(("message", "kind", "size"), EXAMPLES)
def test_too_short_is_a_bad_frame(message: Message, kind: MessageType, size: int) -> None:
    payload = pack(message)[1]
    for length in range(size):
        frame = Frame(kind, 0, 0, 1, 2, payload[:length])
        assert parse(frame) == BadFrame(BadReason.BAD_PAYLOAD, encode_frame(frame))


@pytest.mark.parametrize("kind", [0x00, 0x06, 0x07, 0x42, 0x83, 0x84, 0xFF])
def test_other_types_are_unknown_and_not_bad(kind: int) -> None:
    assert parse(Frame(kind, 0, 0, 1, 2, b"abc")) == Unknown(kind, b"abc")


def tampered(**changes: bytes | int) -> Message | BadFrame:
    """A hello whose fields are set behind the back of `pack`."""
    offsets = {"rate": (4, 4), "hop": (8, 4), "serial": (14, 24), "hardware": (38, 24), "firmware": (62, 24)}
    payload = bytearray(pack(hello())[1])
    for name, value in changes.items():
        start, size = offsets[name]
        payload[start : start + size] = (
            value.to_bytes(size, "little") if isinstance(value, int) else value.ljust(size, b"\0")
        )
    return parse(Frame(MessageType.HELLO, 0, 0, 1, 2, bytes(payload)))


@pytest.mark.parametrize(
    "serial", [b"", b"a b", b"a/b", b"+", b"#", b"caf\xc3\xa9", b"a\0b", b"\0a", b"\xff" * 24, b"a\n"]
)
def test_a_serial_number_can_only_be_plain(serial: bytes) -> None:
    assert isinstance(tampered(serial=serial), BadFrame)


def test_hello_limits() -> None:
    assert isinstance(tampered(serial=b"A.b_c-9" * 3 + b"abc"), Hello)
    assert isinstance(tampered(hardware=b"", firmware=b""), Hello)
    assert isinstance(tampered(firmware=b"\x1b[31m"), BadFrame)
    assert isinstance(tampered(hardware=b"rev\xe9"), BadFrame)
    assert isinstance(tampered(rate=0), BadFrame)
    assert isinstance(tampered(hop=0), BadFrame)


@pytest.mark.parametrize(
    "message",
    [
        hello("two words"),
        hello("x" * 25),
        hello(""),
        hello("é"),
        dataclasses.replace(hello(), firmware="\n"),
        dataclasses.replace(hello(), sample_rate_hz=2**32),
        features(-1),
        features(1)._replace(bands=bytes(23)),
        features(1)._replace(laeq_cdb=40000),
        TimeRequest(-1),
        Unknown(9, b""),
    ],
)
def test_what_cannot_be_said_is_misuse(message: Message) -> None:
    with pytest.raises(ValueError, match=r"field|bands|unknown"):
        pack(message)


@given(st.integers(0, 255), st.binary(max_size=240))
def test_any_payload_parses_or_is_bad(kind: int, payload: bytes) -> None:
    frame = Frame(kind, 0, 0, 1, 2, payload)
    message = parse(frame)
    if isinstance(message, BadFrame):
        assert message == BadFrame(BadReason.BAD_PAYLOAD, encode_frame(frame))
    elif not isinstance(message, Unknown):
        again_kind, again = pack(message)
        assert again_kind == kind
        assert payload.startswith(again)


def test_hello_in_people_units() -> None:
    assert hello().full_scale_db == 120.0
    assert hello().hop_s == 0.125


def test_features_through_the_whole_codec() -> None:
    pen = Pen()
    [frame] = Decoder().feed(pen.write(features(77)))
    assert isinstance(frame, Frame)
    message = parse(frame)
    assert isinstance(message, Features)
    assert message == features(77)
