"""Chunks and frames: what goes in comes out, and any damage is a value."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from gateway.telemetry.chunk import ChunkHead, decode_chunk, decode_head, encode_chunk, pack, recorded_s_of
from gateway.telemetry.frame import BLOCK_BYTES, Frame, FrameKind, Torn, body_length, frame_bytes, frames
from gateway.telemetry.quantised import level_code, level_of, score_code, score_of
from gateway.telemetry.second import Second
from gateway.telemetry.segment import SegmentHead, encode_head
from gateway.telemetry.segment import decode_head as decode_segment_head
from tests.support.telemetry import LABELS, SENSORS, chunk_head, second


def body_of(seconds: list[Second], head: ChunkHead | None = None) -> bytes:
    packed = [pack(one, SENSORS.index(one.sensor_id), LABELS) for one in seconds]
    return encode_chunk(head or chunk_head(1000), packed, len(LABELS))


def read(body: bytes) -> list[Second]:
    chunk = decode_chunk(body, len(SENSORS), len(LABELS))
    assert chunk is not None
    return list(chunk.seconds(SENSORS, LABELS))


def as_kept(one: Second) -> Second:
    """What the quantisation leaves of it."""
    scores = None if one.scores is None else {k: score_of(score_code(p)) for k, p in one.scores.items()}
    levels = {
        name: level_of(level_code(getattr(one, name))) for name in ("laeq_db", "lafmax_db", "ambient_db")
    }
    return replace(one, scores=scores, **levels)  # type: ignore[arg-type]


def test_random_seconds_come_back_sensor_by_sensor_in_order() -> None:
    chance = random.Random(7)
    seconds = [
        second(
            number,
            sensor_id,
            chance.randint(1, 8),
            laeq_db=chance.uniform(20, 110),
            lafmax_db=chance.uniform(20, 117),
            ambient_db=None if chance.random() < 0.2 else chance.uniform(20, 90),
            scores=None if chance.random() < 0.2 else {label: chance.random() for label in LABELS},
            calibrated=chance.random() < 0.5,
            vetoes=chance.randrange(256),
        )
        for sensor_id in SENSORS
        for number in sorted(chance.sample(range(900, 1100), 70))
    ]
    shuffled = list(seconds)
    chance.shuffle(shuffled)
    assert read(body_of(shuffled)) == [as_kept(one) for one in seconds]


def test_a_head_comes_back() -> None:
    head = ChunkHead(123_456, 60, 1_773_511_200_123, "holdover", None, (492_641, 492_642))
    body = body_of([second(123_400)], head)
    assert decode_head(body) == head
    assert recorded_s_of(body) == 60
    assert read(body)[0].number == 123_400


def test_nothing_heard_is_a_chunk_too() -> None:
    assert read(body_of([])) == []


def test_seconds_long_before_the_chunk_keep_their_number() -> None:
    numbers = [3, 900_000, 2_000_000]
    body = body_of([second(number) for number in numbers], chunk_head(2_000_010))
    assert [one.number for one in read(body)] == numbers


def test_a_label_that_the_model_did_not_score_has_no_score() -> None:
    assert read(body_of([second(1000, scores={"shout": 0.5})]))[0].scores == {"shout": 0.5}


@pytest.mark.parametrize(("sensors", "labels"), [(0, 3), (2, 2), (2, 4)])
def test_a_chunk_of_another_segment_is_refused(sensors: int, labels: int) -> None:
    assert decode_chunk(body_of([second(1000)]), sensors, labels) is None


def test_any_damage_of_a_body_is_a_value() -> None:
    body = body_of([second(number, sensor) for sensor in SENSORS for number in range(1000, 1060)])
    chance = random.Random(8)
    for length in range(len(body)):
        decode_chunk(body[:length], len(SENSORS), len(LABELS))
    for _ in range(2000):
        damaged = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        decode_chunk(bytes(damaged), len(SENSORS), len(LABELS))
    assert decode_chunk(b"", 2, 3) is None


def test_a_segments_head_comes_back_and_nothing_else_is_one() -> None:
    head = SegmentHead(boot_id="b", model_id=None, labels=(), sensors=("north",), reported_hours=(492_641,))
    assert decode_segment_head(encode_head(head)) == head
    later = encode_head(SegmentHead(format=2, boot_id="b", model_id=None, labels=(), sensors=()))
    for other in (b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe", later):
        assert decode_segment_head(other) is None


def frame(body: bytes) -> bytes:
    return frame_bytes(FrameKind.SECONDS, body)


def test_frames_fill_whole_blocks_and_come_back() -> None:
    bodies = [b"", b"a" * 4079, b"b" * 4080, b"c" * 4081, b"d" * 10_000]
    content = b"".join(frame(body) for body in bodies)
    assert len(content) % BLOCK_BYTES == 0
    assert [one.body for one in frames(content) if isinstance(one, Frame)] == bodies
    assert body_length(content) == 0


def test_a_cut_anywhere_costs_the_frame_that_was_cut_and_no_other() -> None:
    whole = frame(b"first" * 900)
    content = whole + frame(random.Random(9).randbytes(5000))
    for cut in range(len(whole), len(content), 7):
        found = list(frames(content[:cut]))
        assert isinstance(found[0], Frame)
        assert found[0].body == b"first" * 900
        if cut - len(whole) in range(1, 16 + 5000):
            assert found[1:] == [Torn(len(whole), at_end=True)]


def test_a_damaged_frame_is_passed_over_and_the_next_is_found() -> None:
    parts = [frame(bytes([number]) * 6000) for number in range(4)]
    for at in (0, 5, 8, 15, 16, 3000, 6015):
        damaged = bytearray(parts[1])
        damaged[at] ^= 0x40
        found = list(frames(parts[0] + bytes(damaged) + parts[2] + parts[3]))
        assert [one.body[0] for one in found if isinstance(one, Frame)] == [0, 2, 3]
        assert [one for one in found if isinstance(one, Torn)] == [Torn(len(parts[0]), at_end=False)]


def test_any_bytes_give_frames_or_damage() -> None:
    chance = random.Random(10)
    for _ in range(300):
        content = chance.randbytes(chance.randrange(20_000))
        assert all(isinstance(one, Torn) for one in frames(content))
    assert list(frames(b"")) == []


def test_a_body_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        frame_bytes(FrameKind.SECONDS, bytes(16 * 1024 * 1024 + 1))
