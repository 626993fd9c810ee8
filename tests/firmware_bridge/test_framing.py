"""Frames and bad frames, one reason at a time; bounded memory; any chunking."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.checksum import RESIDUE, crc32c
from firmware_bridge.framing import (
    FLAG_TAG,
    MAX_ENCODED,
    MAX_PAYLOAD,
    MAX_WIRE,
    BadFrame,
    BadReason,
    Decoder,
    Frame,
    encode_frame,
)
from tests.firmware_bridge.reference_codec import cobs_decode, cobs_encode, crc32c_bit_by_bit
from tests.firmware_bridge.wire import Pen, features, hello

GOOD = Frame(0x02, 0, 0, 7, 41, b"payload")


def sealed(header_and_payload: bytes) -> bytes:
    """A wire frame with whatever header, its checksum right."""
    return cobs_encode(header_and_payload + crc32c(header_and_payload).to_bytes(4, "little")) + b"\0"


def header(first: int, length: int) -> bytes:
    return bytes([first, 0x02, length, 0]) + (7).to_bytes(4, "little") + (41).to_bytes(4, "little")


def test_crc_is_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=400))
def test_crc_and_residue_agree_with_the_plain_ones(data: bytes) -> None:
    assert crc32c(data) == crc32c_bit_by_bit(data)
    assert crc32c(data + crc32c(data).to_bytes(4, "little")) == RESIDUE


@given(st.binary(max_size=300, min_size=1) | st.binary(max_size=3).map(lambda tail: b"x" * 253 + tail))
def test_wire_agrees_with_the_plain_cobs(payload: bytes) -> None:
    payload = payload[:MAX_PAYLOAD]
    wire = encode_frame(Frame(0x55, 0, 1, 2, 3, payload))
    raw = cobs_decode(wire[:-1])
    assert raw is not None
    assert cobs_encode(raw) == wire[:-1]
    assert raw[12:-4] == payload


@given(
    st.builds(
        Frame,
        type=st.integers(0, 255),
        flags=st.just(0),
        address=st.integers(0, 255),
        epoch=st.integers(0, 2**32 - 1),
        seq=st.integers(0, 2**32 - 1),
        payload=st.binary(max_size=MAX_PAYLOAD),
        tag=st.just(b""),
    ),
    st.none() | st.binary(min_size=8, max_size=8),
)
def test_round_trip(frame: Frame, tag: bytes | None) -> None:
    if tag is not None:
        frame = frame._replace(flags=FLAG_TAG, tag=tag)
    wire = encode_frame(frame)
    assert len(wire) <= MAX_WIRE
    assert wire.count(0) == 1
    assert Decoder().feed(wire) == [frame]


def test_features_keep_the_wire_budget() -> None:
    plain = Pen().frame(features(3))
    assert len(encode_frame(plain)) == 56
    assert len(encode_frame(plain._replace(flags=FLAG_TAG, tag=bytes(8)))) == 64


@pytest.mark.parametrize(
    "frame",
    [
        GOOD._replace(payload=bytes(241)),
        GOOD._replace(flags=0x10),
        GOOD._replace(tag=bytes(8)),
        GOOD._replace(flags=FLAG_TAG),
        GOOD._replace(flags=FLAG_TAG, tag=bytes(7)),
        GOOD._replace(seq=2**32),
        GOOD._replace(epoch=-1),
        GOOD._replace(type=256),
    ],
)
def test_what_cannot_be_sent_is_misuse(frame: Frame) -> None:
    with pytest.raises(ValueError, match=r"payload|flags|tag|range"):
        encode_frame(frame)


def bad(wire: bytes) -> BadReason:
    [item] = Decoder().feed(wire)
    assert isinstance(item, BadFrame)
    assert item.raw == wire
    return item.reason


def test_every_reason() -> None:
    wire = encode_frame(GOOD)
    body = GOOD.payload
    assert bad(b"\x01\x01\x01\0") is BadReason.TOO_SHORT
    assert bad(b"\x09\x01\x01\0") is BadReason.BAD_COBS
    assert bad(wire[:5] + bytes([wire[5] ^ 0x40]) + wire[6:]) is BadReason.BAD_CHECKSUM
    assert bad(cobs_encode(cobs_decode(wire[:-1])[:-3]) + b"\0") is BadReason.BAD_CHECKSUM
    assert bad(sealed(header(0x20, len(body)) + body)) is BadReason.BAD_VERSION
    assert bad(sealed(header(0x00, len(body)) + body)) is BadReason.BAD_VERSION
    assert bad(sealed(header(0x12, len(body)) + body)) is BadReason.BAD_FLAGS
    assert bad(sealed(header(0x10, len(body) + 1) + body)) is BadReason.BAD_LENGTH
    assert bad(sealed(header(0x10, len(body) - 1) + body)) is BadReason.BAD_LENGTH
    assert bad(sealed(header(0x11, len(body)) + body)) is BadReason.BAD_LENGTH
    assert bad(sealed(header(0x10, 241) + bytes(241))) is BadReason.BAD_LENGTH
    assert bad(b"U" * (MAX_ENCODED + 1)) is BadReason.TOO_LONG


def test_every_truncation_is_bad() -> None:
    wire = encode_frame(Pen().frame(features(5)))
    for cut in range(1, len(wire) - 1):
        [item] = Decoder().feed(wire[:cut] + b"\0")
        assert isinstance(item, BadFrame), cut


def test_idle_zeros_are_not_errors() -> None:
    decoder = Decoder()
    assert decoder.feed(b"\0\0\0" + encode_frame(GOOD) + b"\0\0") == [GOOD]
    assert decoder.ledger.delimiter == 5


@pytest.mark.parametrize("garbage", [b"\xff" * 40, b"hello?\r\n", bytes(range(1, 256)), b"U" * 5000])
def test_one_zero_is_enough_to_resynchronise(garbage: bytes) -> None:
    """Garbage without a zero costs the frame it runs into and no more."""
    second = GOOD._replace(seq=42)
    found = Decoder().feed(garbage + encode_frame(GOOD) + encode_frame(second))
    assert found[-1] == second
    assert all(isinstance(item, BadFrame) for item in found[:-1])
    assert Decoder().feed(garbage + b"\0" + encode_frame(GOOD))[-1] == GOOD


def test_garbage_inside_a_frame_costs_that_frame() -> None:
    wire = encode_frame(Pen().frame(hello()))
    for at in range(1, len(wire) - 1):
        found = Decoder().feed(wire[:at] + b"\x13\x37" + wire[at:] + encode_frame(GOOD))
        assert [item for item in found if isinstance(item, Frame)] == [GOOD]


def test_a_lost_delimiter_costs_both_frames_and_accepts_neither() -> None:
    found = Decoder().feed(encode_frame(GOOD)[:-1] + encode_frame(GOOD) + encode_frame(GOOD))
    assert isinstance(found[0], BadFrame)
    assert found[1:] == [GOOD]


def test_memory_is_bounded_without_any_delimiter() -> None:
    decoder = Decoder()
    for _ in range(2000):
        for item in decoder.feed(b"\x55" * 97):
            assert isinstance(item, BadFrame)
            assert len(item.raw) <= MAX_WIRE
        assert decoder.pending <= MAX_ENCODED
    assert decoder.ledger.total == 2000 * 97


def test_longest_frame_is_not_too_long() -> None:
    longest = Frame(0x7F, FLAG_TAG, 255, 2**32 - 1, 2**32 - 1, b"\xff" * MAX_PAYLOAD, b"\xff" * 8)
    wire = encode_frame(longest)
    assert Decoder().feed(wire) == [longest]
    assert MAX_WIRE - 1 <= len(wire) <= MAX_WIRE


def test_trailing_one_after_a_full_group_is_accepted() -> None:
    """Some COBS encoders close a group of 254 with an empty one; PROTOCOL.md allows both."""
    wire = sealed(bytes([0x10, 0x02, 238, 1]) + b"\x09" * 8 + b"\x33" * 238)
    assert wire[0] == 0xFF
    assert len(wire) == 256
    [frame] = Decoder().feed(wire)
    assert Decoder().feed(wire[:-1] + b"\x01\0") == [frame]


def test_closing_the_port_drops_half_a_frame() -> None:
    decoder = Decoder()
    wire = encode_frame(GOOD)
    decoder.feed(wire[:9])
    decoder.discard_pending()
    assert decoder.feed(wire) == [GOOD]
    assert decoder.ledger.cut_off == 9
    assert decoder.ledger.total == 9 + len(wire)


def test_one_byte_at_a_time_equals_whole_for_a_long_stream() -> None:
    rng = random.Random(3)
    stream = b"".join(
        rng.choice([encode_frame(GOOD), rng.randbytes(rng.randrange(700)), b"\0" * 3, b"\x77" * 267])
        for _ in range(300)
    )
    whole, bytewise = Decoder(), Decoder()
    found = [item for byte in stream for item in bytewise.feed(bytes([byte]))]
    assert whole.feed(stream) == found
    assert whole.ledger == bytewise.ledger
    assert whole.ledger.total == len(stream)
