"""Seeded fuzz: damaged streams never give a frame that was not sent, and any chunking gives the same."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.framing import MAX_ENCODED, MAX_WIRE, BadFrame, Decoder, Frame, encode_frame
from firmware_bridge.link import SensorLink
from firmware_bridge.messages import parse
from tests.firmware_bridge.make_vectors import GOOD
from tests.firmware_bridge.mutation import damaged_stream, random_frame

STREAMS_IN_CI = 60

VALID = st.sampled_from([encode_frame(frame) for _, _, frame in GOOD])
ANY_STREAM = st.lists(VALID | st.binary(max_size=300) | st.just(b"\x55" * 300), max_size=12).map(b"".join)


def chunked(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    return [stream[start:end] for start, end in itertools.pairwise(edges)]


@settings(max_examples=400)
@given(ANY_STREAM, st.lists(st.integers(0, 5000), max_size=20))
def test_any_bytes_in_any_chunks(stream: bytes, cuts: list[int]) -> None:
    whole, bytewise, pieces = Decoder(), Decoder(), Decoder()
    found = whole.feed(stream)
    assert found == [item for byte in stream for item in bytewise.feed(bytes([byte]))]
    assert found == [item for chunk in chunked(stream, cuts) for item in pieces.feed(chunk)]
    assert whole.ledger == bytewise.ledger == pieces.ledger
    assert whole.ledger.total == len(stream)
    assert whole.pending <= MAX_ENCODED
    for item in found:
        if isinstance(item, Frame):
            parse(item)
        else:
            assert 0 < len(item.raw) <= MAX_WIRE


@given(ANY_STREAM, st.lists(st.integers(0, 5000), max_size=6), st.floats(0, 4))
def test_a_link_takes_any_bytes_in_any_chunks(stream: bytes, cuts: list[int], pause_s: float) -> None:
    whole, bytewise = SensorLink(), SensorLink()
    assert whole.opened(0.0) == bytewise.opened(0.0)
    for step, chunk in enumerate(chunked(stream, cuts)):
        now_s = step * pause_s
        events = whole.feed(chunk, now_s) + whole.tick(now_s)
        single = [event for byte in chunk for event in bytewise.feed(bytes([byte]), now_s)]
        assert events == single + bytewise.tick(now_s)
        assert whole.outgoing() == bytewise.outgoing()
    assert whole.counters == bytewise.counters
    assert whole.counters.bytes.total == len(stream)


@pytest.mark.parametrize("seed", range(STREAMS_IN_CI))
def test_no_damaged_frame_is_accepted(seed: int) -> None:
    rng = random.Random(seed)
    sent = [random_frame(rng) for _ in range(50)]
    stream, untouched = damaged_stream(rng, sent)
    decoder = Decoder()
    accepted = [item for item in decoder.feed(stream) if isinstance(item, Frame)]
    assert set(accepted) <= set(sent)
    assert len(accepted) >= untouched
    assert decoder.ledger.total == len(stream)


def test_what_the_fuzz_does_is_damage() -> None:
    rng = random.Random(0)
    sent = [random_frame(rng) for _ in range(200)]
    stream, untouched = damaged_stream(rng, sent)
    bad = [item for item in Decoder().feed(stream) if isinstance(item, BadFrame)]
    assert len({item.reason for item in bad}) >= 3
    assert 20 <= untouched <= 180
