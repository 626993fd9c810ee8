"""MQTT packets in a stream of bytes: where each begins and ends, and the little of it that a gate acts on.

Just enough of MQTT 3.1.1 and 5 for that (fixed header 2.1, remaining length 1.5.5, PUBLISH 3.3), written
without our own rooms and without paho, so that an error of theirs is not repeated here. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

LONGEST_LENGTH = 4  # bytes of the remaining length field


class Kind(IntEnum):
    """Packet types (2.1.2)."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    PUBREC = 5
    PUBREL = 6
    PUBCOMP = 7
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14
    AUTH = 15


class NotMqttError(ValueError):
    """These bytes cannot be MQTT."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet. topic, packet_id: of a PUBLISH; packet_id: of a PUBACK as well."""

    kind: Kind
    raw: bytes
    topic: str = ""
    packet_id: int = 0
    qos: int = 0
    retained: bool = False

    @property
    def accepted(self) -> bool:
        """Of a CONNACK: whether the broker lets in."""
        return self.kind is Kind.CONNACK and self.raw[3] == 0

    @property
    def as_duplicate(self) -> bytes:
        """A PUBLISH once more, with the DUP flag set."""
        return bytes([self.raw[0] | 0x08]) + self.raw[1:]


class PacketSplitter:
    """feed() it what comes; it gives whole packets, and keeps the rest until more comes."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def waiting(self) -> int:
        """Bytes of a packet that is not whole yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Packet]:
        """Raises NotMqttError."""
        self._rest += data
        packets = []
        while (size := packet_size(self._rest)) is not None and size <= len(self._rest):
            raw, self._rest = self._rest[:size], self._rest[size:]
            packets.append(read_packet(raw))
        return packets


def packet_size(data: bytes) -> int | None:
    """Size of the packet that begins here, its header included; None while that cannot be known."""
    length = 0
    for place in range(1, 1 + LONGEST_LENGTH):
        if place >= len(data):
            return None
        length |= (data[place] & 0x7F) << (7 * (place - 1))
        if not data[place] & 0x80:
            return 1 + place + length
    raise NotMqttError("a remaining length of more than four bytes")


def read_packet(raw: bytes) -> Packet:
    """One whole packet. Raises NotMqttError."""
    try:
        kind = Kind(raw[0] >> 4)
    except ValueError as problem:
        raise NotMqttError("packet type 0") from problem
    start = next(place for place in range(1, len(raw)) if not raw[place] & 0x80) + 1
    body = raw[start:]
    if kind is Kind.PUBACK:
        return Packet(kind, raw, packet_id=_u16(body, 0))
    if kind is not Kind.PUBLISH:
        return Packet(kind, raw)
    size = _u16(body, 0)
    if 2 + size > len(body):
        raise NotMqttError("a topic longer than its packet")
    topic = body[2 : 2 + size].decode("utf-8", "replace")
    qos = raw[0] >> 1 & 3
    packet_id = _u16(body, 2 + size) if qos else 0
    return Packet(kind, raw, topic, packet_id, qos, bool(raw[0] & 1))


def label_of(topic: str) -> str:
    """What a topic is about, as points are named: the part below the gateway, e.g. `event`, `request`."""
    parts = topic.split("/")
    return parts[4] if len(parts) > 4 else topic


def _u16(data: bytes, place: int) -> int:
    if place + 2 > len(data):
        raise NotMqttError("a packet that ends too early")
    return int.from_bytes(data[place : place + 2])
