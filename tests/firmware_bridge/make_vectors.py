"""Write the golden vectors: `python -m tests.firmware_bridge.make_vectors`.

Also the examples in PROTOCOL.md and the diagram in the room's README. The tests hold the vectors against the
product's codec and against the plain one of `reference_codec`. A changed vector is a changed protocol.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import firmware_bridge
from firmware_bridge.checksum import crc32c
from firmware_bridge.framing import MAX_ENCODED, BadFrame, Decoder, Frame, encode_frame
from firmware_bridge.messages import (
    CalibrationReport,
    Features,
    Health,
    Hello,
    HelloRequest,
    Message,
    TimeReply,
    TimeRequest,
    Unknown,
    pack,
    parse,
)
from firmware_bridge.session import render_mermaid
from tests.firmware_bridge.reference_codec import cobs_decode, cobs_encode

FOLDER = Path(firmware_bridge.__file__).with_name("vectors")
PROTOCOL = FOLDER.with_name("PROTOCOL.md")
README = FOLDER.with_name("README.md")
U32_MAX = 2**32 - 1
BYTES_PER_LINE = 24
Vector = dict[str, Any]

HELLO = Hello("S-0001", "edge-mic B", "1.2.0", 1, 12000, 48000, 6000)
FEATURES = Features(
    12345, -6512, -6001, 140, 35, 61, 201, 9, 190, bytes([255, 88, 90, 93, *range(96, 114), 70, 40])
)
SILENCE = Features(0, -12400, -12400, 0, 0, 0, 0, 0, 255, bytes(24))
OVERLOAD = Features(4294967295, 120, 250, 254, 96, 255, 255, 17, 0, bytes([254] * 20 + [255] * 4))
HEALTH = Health(5021, 215, 3, -17, 2, -9050, 80640)
UNMEASURED = Health(65535, -32768, 0, 0, 0, -32768, 0)
CALIBRATION = CalibrationReport(2400, 10002, -2601, 35, 12, 3000)
LONGEST_HELLO = Hello("A.b_c-9" * 3 + "xyz", "h" * 24, "~" * 24, 65535, -1, 192_000, 19_200, 1, 9)
SHORTEST_HELLO = Hello("7", "", "", 1, 0, 48_000, 6000)
LONGEST = Frame(0x7F, 1, 255, U32_MAX, U32_MAX, b"\xa5" * 240, b"\xa5" * 8)
TIME_REQUEST = TimeRequest(5_000_123_456)
TIME_REPLY = TimeReply(5_000_123_456, 72_000_048, 72_000_144)


def frame_of(message: Message, *, epoch: int = 7, seq: int = 41, extra: bytes = b"") -> Frame:
    kind, payload = pack(message)
    return Frame(kind, 0, 0, epoch, seq, payload + extra)


GOOD: list[tuple[str, str, Frame]] = [
    ("hello", "a sensor introduces itself", frame_of(HELLO, seq=0)),
    ("hello_longest", "every text at its limit", frame_of(LONGEST_HELLO)),
    ("hello_shortest", "one character of serial number, no other text", frame_of(SHORTEST_HELLO)),
    ("hello_grown", "ten bytes more than version 1.0 knows", frame_of(HELLO, extra=b"0123456789")),
    ("features", "one spectral frame; the lowest band is missing", frame_of(FEATURES, seq=42)),
    ("features_silence", "everything at its floor, at boot", frame_of(SILENCE, epoch=0, seq=0)),
    ("features_overload", "clipped, counters at their end", frame_of(OVERLOAD, epoch=U32_MAX, seq=U32_MAX)),
    ("features_grown", "two bytes more at the end", frame_of(FEATURES, extra=b"\x00\xff")),
    ("features_tagged", "with a tag", frame_of(FEATURES)._replace(flags=1, tag=b"\x01\x00TAGtag")),
    ("health", "the sensor's own state", frame_of(HEALTH, seq=43)),
    ("health_unmeasured", "nothing that could be measured was", frame_of(UNMEASURED)),
    ("calibration_report", "a calibrator at 94 dB on a 120 dB sensor", frame_of(CALIBRATION, seq=44)),
    ("time_reply", "two milliseconds after the request", frame_of(TIME_REPLY, seq=45)),
    ("hello_request", "an empty payload, from the gateway", frame_of(HelloRequest(), epoch=0, seq=0)),
    ("time_request", "from the gateway", frame_of(TIME_REQUEST, epoch=0, seq=1)),
    ("log_text", "a reserved type: good, unknown, ignored", Frame(0x07, 0, 0, 7, 46, b"mic 1 ok")),
    ("other_address", "from sensor 5 of a shared line", frame_of(FEATURES)._replace(address=5)),
    ("longest", "240 bytes and a tag without any zero", LONGEST),
    ("longest_zeros", "240 zeros", Frame(0x7F, 0, 0, 0, 0, bytes(240))),
    ("run_of_254", "254 bytes without a zero", Frame(0x7F, 0, 1, 0x01010101, 0x01010101, b"\x33" * 238)),
]


def sealed(checked: bytes) -> bytes:
    """`checked` with its right checksum, on the wire."""
    return cobs_encode(checked + crc32c(checked).to_bytes(4, "little")) + b"\0"


def with_header(first: int, length: int, payload: bytes, kind: int = 0x02) -> bytes:
    return sealed(bytes([first, kind, length, 0, 7, 0, 0, 0, 41, 0, 0, 0]) + payload)


def hello_with(at: int, replacement: bytes) -> bytes:
    frame = frame_of(HELLO)
    payload = frame.payload[:at] + replacement + frame.payload[at + len(replacement) :]
    return encode_frame(frame._replace(payload=payload))


def bad_wires() -> Iterator[tuple[str, str, bytes]]:
    wire = encode_frame(frame_of(FEATURES))
    payload = frame_of(FEATURES).payload
    yield "one_bit_flipped", "bit 3 of byte 20", wire[:20] + bytes([wire[20] ^ 8]) + wire[21:]
    yield "truncated", "the second half never came", wire[: len(wire) // 2] + b"\0"
    yield "truncated_by_one", "the last byte of the checksum is missing", wire[:-2] + b"\0"
    yield "byte_inserted", "one byte too many in the middle", wire[:30] + b"\x55" + wire[30:]
    yield "merged", "the delimiter between two frames was lost", wire[:-1] + wire
    yield "code_past_end", "a COBS code that points beyond the delimiter", b"\x09\x01\x01\0"
    yield "too_short", "fifteen bytes cannot be a frame", sealed(bytes(11))
    yield "version_2", "another major version, checksum right", with_header(0x20, 38, payload)
    yield "version_0", "no version", with_header(0x00, 38, payload)
    yield "reserved_flag", "flag bit 1 is reserved", with_header(0x12, 38, payload)
    yield "length_too_great", "the header says 39, there are 38", with_header(0x10, 39, payload)
    yield "length_too_small", "the header says 37, there are 38", with_header(0x10, 37, payload)
    yield "tag_missing", "the flag says tag, there is none", with_header(0x11, 38, payload)
    yield "payload_241", "one more than allowed", with_header(0x10, 241, bytes(241))
    yield "too_long", "one byte more than the longest frame", b"U" * (MAX_ENCODED + 1)
    yield "features_short", "features of 37 bytes", with_header(0x10, 37, payload[:37])
    yield "hello_short", "hello of 85 bytes", with_header(0x10, 85, frame_of(HELLO).payload[:85], kind=0x01)
    yield "serial_empty", "a serial number is needed", hello_with(14, bytes(24))
    yield "serial_with_slash", "not a character of a serial number", hello_with(14, b"S/")
    yield "serial_after_zero", "text after the padding began", hello_with(14, b"S\0X")
    yield "hardware_not_printable", "an escape character", hello_with(38, b"\x1b")
    yield "sample_rate_zero", "impossible", hello_with(4, bytes(4))
    yield "hop_zero", "impossible", hello_with(8, bytes(4))
    yield "time_reply_empty", "no payload at all", with_header(0x10, 0, b"", kind=0x05)


def streams() -> Iterator[tuple[str, str, bytes]]:
    hello, features = encode_frame(frame_of(HELLO)), encode_frame(frame_of(FEATURES))
    yield "idle_zeros", "zeros between frames are no errors", b"\0\0" + hello + b"\0\0\0" + features + b"\0"
    yield "garbage_before", "it costs the frame it runs into", b"\xff\xfe boot\r\n" + hello + features
    yield "garbage_and_a_zero_before", "it costs nothing", b"\xff\xfe boot\r\n\0" + hello + features
    yield "garbage_inside", "it costs that frame", features[:20] + b"\x13\x37" + features[20:] + hello
    yield "zero_inside", "both halves are bad", features[:20] + b"\0" + features[20:] + hello
    yield "delimiter_lost", "both frames are lost, the third is good", features[:-1] + hello + features
    yield "endless_run", "a long run comes in pieces of 267", b"\x55" * 1000 + b"\0" + features
    yield "cut_off", "the last frame is not complete", features + hello[:50]
    yield "same_twice", "framing does not look for duplicates", features + features


def message_fields(message: Message) -> Vector:
    name = type(message).__name__
    if isinstance(message, Features):
        return {"message": name, **message._asdict(), "bands": list(message.bands)}
    if isinstance(message, Unknown):
        return {"message": name}
    return {"message": name, **dataclasses.asdict(message)}


def frame_fields(frame: Frame) -> Vector:
    return {**frame._asdict(), "payload": frame.payload.hex(), "tag": frame.tag.hex()}


def outcome(item: Frame | BadFrame) -> Vector:
    """What a receiver should make of one item: header fields and message, or a reason."""
    if isinstance(item, BadFrame):
        return {"bad": item.reason.value, "bytes": len(item.raw)}
    message = parse(item)
    if isinstance(message, BadFrame):
        return {"bad": message.reason.value, "bytes": len(message.raw)}
    return {"frame": frame_fields(item), **message_fields(message)}


def good_vectors() -> list[Vector]:
    return [
        {"name": name, "about": about, "wire": encode_frame(frame).hex(), **outcome(frame)}
        for name, about, frame in GOOD
    ]


def bad_vectors() -> list[Vector]:
    vectors = []
    for name, about, wire in bad_wires():
        [item] = Decoder().feed(wire)
        vectors.append({"name": name, "about": about, "wire": wire.hex(), "bad": outcome(item)["bad"]})
    return vectors


def stream_vectors() -> list[Vector]:
    vectors = []
    for name, about, wire in streams():
        decoder = Decoder()
        items = [outcome(item) for item in decoder.feed(wire)]
        ledger = {key: count for key, count in dataclasses.asdict(decoder.ledger).items() if count}
        vectors.append({"name": name, "about": about, "wire": wire.hex(), "items": items, "ledger": ledger})
    return vectors


def files() -> dict[str, str]:
    """File name to content."""
    content = {
        "good_frames.json": good_vectors(),
        "bad_frames.json": bad_vectors(),
        "streams.json": stream_vectors(),
    }
    return {name: json.dumps(vectors, indent=1) + "\n" for name, vectors in content.items()}


def hex_lines(title: str, data: bytes) -> list[str]:
    """`data` in lines of hexadecimal bytes under a short title."""
    parts = [data[at : at + BYTES_PER_LINE] for at in range(0, len(data), BYTES_PER_LINE)]
    return [f"{title if at == 0 else '':9}{part.hex(' ')}" for at, part in enumerate(parts)]


def example(name: str) -> str:
    """The example of one good vector as PROTOCOL.md shows it."""
    [frame] = [frame for vector_name, _, frame in GOOD if vector_name == name]
    wire = encode_frame(frame)
    raw = cobs_decode(wire[:-1])
    assert raw is not None
    lines = [
        *hex_lines("header", raw[:12]),
        *hex_lines("payload", raw[12:-4]),
        *hex_lines("checksum", raw[-4:]),
        *hex_lines("wire", wire),
    ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def with_examples(page: str) -> str:
    """PROTOCOL.md with the block after each `<!-- vector: NAME -->` written anew."""
    pattern = re.compile(r"(<!-- vector: (\w+) -->\n)(?:```\n[^`]*```\n)?")
    return pattern.sub(lambda match: match[1] + example(match[2]), page)


def with_diagram(page: str) -> str:
    """The README with the block after `<!-- session -->` written anew."""
    pattern = re.compile(r"(<!-- session -->\n)(?:```mermaid\n[^`]*```\n)?")
    return pattern.sub(lambda match: f"{match[1]}```mermaid\n{render_mermaid()}```\n", page)


def main() -> int:
    """Write all files."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    PROTOCOL.write_text(with_examples(PROTOCOL.read_text(encoding="utf-8")), encoding="utf-8")
    README.write_text(with_diagram(README.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
