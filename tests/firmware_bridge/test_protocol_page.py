"""PROTOCOL.md says what the code does: examples, byte tables, numbers, names, limits."""

from __future__ import annotations

import re

import pytest

from firmware_bridge import framing, ledger, link, time_asker
from firmware_bridge.framing import BadReason
from firmware_bridge.messages import Message, MessageType, pack
from tests.firmware_bridge import make_vectors
from tests.firmware_bridge.make_vectors import PROTOCOL, README, with_diagram, with_examples
from tests.firmware_bridge.reference_codec import cobs_encode

PAGE = PROTOCOL.read_text(encoding="utf-8")
SIZES = {"u8": 1, "u16": 2, "i16": 2, "u32": 4, "u64": 8, "text": 24, "u8[24]": 24}

MESSAGES: list[tuple[str, MessageType, Message]] = [
    ("5.1", MessageType.HELLO, make_vectors.HELLO),
    ("5.2", MessageType.FEATURES, make_vectors.FEATURES),
    ("5.3", MessageType.HEALTH, make_vectors.HEALTH),
    ("5.4", MessageType.CALIBRATION_REPORT, make_vectors.CALIBRATION),
    ("5.5", MessageType.TIME_REPLY, make_vectors.TIME_REPLY),
    ("5.7", MessageType.TIME_REQUEST, make_vectors.TIME_REQUEST),
]


def section(number: str) -> str:
    """The text of one numbered section."""
    level = "###" if "." in number else "##"
    match = re.search(rf"^{level} {re.escape(number)}\.? .*?(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None, number
    return match[0]


def rows(text: str) -> list[list[str]]:
    """Cells of all table rows, without headings and rules."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return [row for row in cells if not set(row[0]) <= {"-"} and row[0] != "offset"]


def test_examples_and_diagram_are_those_of_the_code() -> None:
    assert with_examples(PAGE) == PAGE
    assert PAGE.count("<!-- vector:") == 7
    readme = README.read_text(encoding="utf-8")
    assert with_diagram(readme) == readme


@pytest.mark.parametrize(("number", "kind", "message"), MESSAGES)
def test_byte_tables(number: str, kind: MessageType, message: Message) -> None:
    """Each table is gapless, ends where the payload ends, and names the fields of the message."""
    at = 0
    names = []
    for offset, size, field_type, name, _meaning in rows(section(number)):
        assert (int(offset), int(size)) == (at, SIZES[field_type]), name
        at += int(size)
        names.append(name)
    packed_kind, payload = pack(message)
    assert (packed_kind, at) == (kind, len(payload))
    fields = type(message).__match_args__
    assert set(names) == set(fields)
    assert f"({kind:#04x})" in section(number)


def test_each_table_puts_each_field_where_the_code_does() -> None:
    """Read every example payload by its table and compare with the message."""
    for number, _kind, message in MESSAGES:
        payload = pack(message)[1]
        for offset, size, field_type, name, _meaning in rows(section(number)):
            raw = payload[int(offset) : int(offset) + int(size)]
            value = getattr(message, name)
            if field_type == "text":
                assert raw.rstrip(b"\0").decode() == value
            elif field_type == "u8[24]":
                assert raw == value
            else:
                assert int.from_bytes(raw, "little", signed=field_type.startswith("i")) == value


def test_message_numbers() -> None:
    numbers = {int(row[0], 16): row[2] for row in rows(section("4")) if row[0] != "type"}
    assert set(numbers) == set(map(int, MessageType))
    for kind in MessageType:
        assert kind.name.lower().replace("_", " ") in numbers[kind]


def test_reasons_are_named() -> None:
    named = set(re.findall(r"`(\w+)`", "".join(row[-1] for row in rows(section("3")))))
    assert named >= {reason.value for reason in BadReason}


def test_cobs_example() -> None:
    found = re.search(r"^data +(.*)\n.*\non wire +(.*)$", section("2"), re.MULTILINE)
    assert found is not None
    data, wire = bytes.fromhex(found[1]), bytes.fromhex(found[2].replace("|", ""))
    assert cobs_encode(data) + b"\0" == wire


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("2", f"longer than {framing.MAX_ENCODED} bytes"),
        ("2", f"more than {framing.MAX_WIRE} bytes"),
        ("3", f"at least {framing.MIN_FRAME} bytes"),
        ("3", f"at most {framing.MAX_WIRE} bytes"),
        ("3", f"0 to {framing.MAX_PAYLOAD}"),
        ("3", "0x48674BC7"),
        ("8", f"{ledger.SequenceLedger.SLACK_FRAMES} + {ledger.SequenceLedger.MAX_RATE_HZ:.0f} per second"),
        ("8", f"one of the {ledger.SequenceLedger.WINDOW} latest"),
        ("8", f"has come for {ledger.SequenceLedger.SILENT_S:.0f} s"),
        ("7", f"asks for the time every {time_asker.TIME_EXCHANGE_S:.0f} s"),
        ("9", f"{link.LOST_AFTER_S:.0f} s without a good frame"),
        ("9", f"At least {link.GARBLED_BYTES} bytes within {link.SILENT_AFTER_S:.0f} s"),
        ("10", f"more than {link.MAX_FRAME_RATE_HZ:.0f} spectral frames a second"),
    ],
)
def test_limits_in_words(number: str, text: str) -> None:
    assert text in " ".join(section(number).split())
