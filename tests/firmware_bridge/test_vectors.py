"""The golden vectors, read as another implementation would read them, and by ours."""

from __future__ import annotations

import dataclasses
import json
import struct
from typing import Any

import pytest

from firmware_bridge.framing import BadFrame, BadReason, Decoder, Frame, encode_frame
from firmware_bridge.messages import parse
from tests.firmware_bridge.make_vectors import FOLDER, files, outcome
from tests.firmware_bridge.reference_codec import cobs_decode, crc32c_bit_by_bit

Vector = dict[str, Any]


def load(name: str) -> list[Vector]:
    vectors: list[Vector] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return vectors


def named(vector: Vector) -> str:
    return str(vector["name"])


GOOD = load("good_frames.json")
BAD = load("bad_frames.json")
STREAMS = load("streams.json")


@pytest.mark.parametrize("name", ["good_frames.json", "bad_frames.json", "streams.json"])
def test_the_committed_files_are_what_the_generator_writes(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == files()[name]


def test_names_are_unique() -> None:
    names = [named(vector) for vector in GOOD + BAD + STREAMS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("vector", GOOD, ids=named)
def test_good_frames_as_a_stranger_reads_them(vector: Vector) -> None:
    """With nothing but PROTOCOL.md: plain COBS, bitwise CRC, offsets by hand."""
    wire = bytes.fromhex(vector["wire"])
    assert wire.index(0) == len(wire) - 1
    raw = cobs_decode(wire[:-1])
    assert raw is not None
    assert crc32c_bit_by_bit(raw[:-4]).to_bytes(4, "little") == raw[-4:]
    first, kind, length, address, epoch, seq = struct.unpack_from("<BBBBII", raw)
    tag_size = 8 if first & 1 else 0
    assert first >> 4 == 1
    assert len(raw) == 12 + length + tag_size + 4
    assert vector["frame"] == {
        "type": kind,
        "flags": first & 15,
        "address": address,
        "epoch": epoch,
        "seq": seq,
        "payload": raw[12 : 12 + length].hex(),
        "tag": raw[12 + length : -4].hex(),
    }


@pytest.mark.parametrize("vector", GOOD, ids=named)
def test_good_frames_as_we_read_and_write_them(vector: Vector) -> None:
    wire = bytes.fromhex(vector["wire"])
    [frame] = Decoder().feed(wire)
    assert isinstance(frame, Frame)
    assert outcome(frame) == {key: vector[key] for key in vector if key not in ("name", "about", "wire")}
    assert encode_frame(frame) == wire


@pytest.mark.parametrize("vector", BAD, ids=named)
def test_bad_frames(vector: Vector) -> None:
    wire = bytes.fromhex(vector["wire"])
    [item] = Decoder().feed(wire)
    if isinstance(item, Frame):
        parsed = parse(item)
        assert isinstance(parsed, BadFrame)
        item = parsed
    assert (item.reason, item.raw) == (vector["bad"], wire)


@pytest.mark.parametrize("vector", STREAMS, ids=named)
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_streams(vector: Vector, step: int) -> None:
    wire = bytes.fromhex(vector["wire"])
    decoder = Decoder()
    items = [item for at in range(0, len(wire), step) for item in decoder.feed(wire[at : at + step])]
    assert [outcome(item) for item in items] == vector["items"]
    ledger = {key: count for key, count in dataclasses.asdict(decoder.ledger).items() if count}
    assert ledger == vector["ledger"]
    assert sum(ledger.values()) == len(wire)


def test_every_reason_has_a_vector() -> None:
    assert {vector["bad"] for vector in BAD} == {reason.value for reason in BadReason}
