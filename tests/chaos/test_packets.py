"""The gates' own reading of MQTT, against paho's writing and against every way of cutting a stream."""

from __future__ import annotations

import random
import socket
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.chaos.packets import Kind, NotMqttError, Packet, PacketSplitter, label_of, packet_size, read_packet


def publish(
    topic: str, payload: bytes, *, qos: int = 1, packet_id: int = 7, properties: bytes = b"\0"
) -> bytes:
    name = topic.encode()
    ids = packet_id.to_bytes(2) if qos else b""
    body = len(name).to_bytes(2) + name + ids + properties + payload
    return bytes([0x30 | qos << 1]) + length(len(body)) + body


def length(size: int) -> bytes:
    """Remaining length (1.5.5)."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


STREAM = [
    bytes.fromhex("100f00044d5154540502003c00000261" + "62"),
    bytes.fromhex("2003000000"),
    publish("aggression/v1/s/g/event/loud", b"{}" * 100),
    publish("aggression/v1/s/g/status", b"x" * 20_000, qos=0),
    bytes.fromhex("40020007"),
    bytes.fromhex("c000"),
    bytes.fromhex("d000"),
    publish("a", b""),
    bytes.fromhex("e000"),
]


def test_kinds_topics_and_ids() -> None:
    packets = PacketSplitter().feed(b"".join(STREAM))
    assert [packet.kind for packet in packets] == [
        Kind.CONNECT,
        Kind.CONNACK,
        Kind.PUBLISH,
        Kind.PUBLISH,
        Kind.PUBACK,
        Kind.PINGREQ,
        Kind.PINGRESP,
        Kind.PUBLISH,
        Kind.DISCONNECT,
    ]
    assert [packet.raw for packet in packets] == STREAM
    alert, status, ack = packets[2:5]
    assert (alert.topic, alert.packet_id, alert.qos) == ("aggression/v1/s/g/event/loud", 7, 1)
    assert (status.packet_id, status.qos) == (0, 0)
    assert ack.packet_id == 7
    assert packets[1].accepted


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_of_the_stream_gives_the_same_packets(seed: int) -> None:
    whole, chance, splitter = b"".join(STREAM), random.Random(seed), PacketSplitter()
    found: list[Packet] = []
    place = 0
    while place < len(whole):
        size = chance.choice((1, 1, 2, 3, 50, 5000))
        found += splitter.feed(whole[place : place + size])
        place += size
    assert [packet.raw for packet in found] == STREAM
    assert splitter.waiting == 0


def test_half_a_packet_waits() -> None:
    splitter = PacketSplitter()
    assert splitter.feed(STREAM[2][:-1]) == []
    assert splitter.waiting == len(STREAM[2]) - 1
    assert [packet.raw for packet in splitter.feed(STREAM[2][-1:])] == [STREAM[2]]


def test_a_refusal_is_no_acceptance() -> None:
    assert not read_packet(bytes.fromhex("2003008700")).accepted


@pytest.mark.parametrize("data", ["30ffffffff01", "0000", "3003000541"])
def test_what_is_no_mqtt_is_said(data: str) -> None:
    with pytest.raises(NotMqttError):
        PacketSplitter().feed(bytes.fromhex(data))


def test_sizes() -> None:
    assert packet_size(b"\x30") is None
    assert packet_size(b"\x30\x80") is None
    assert packet_size(b"\x30\x80\x01") == 3 + 128
    assert packet_size(b"\xc0\x00") == 2


def test_a_duplicate_has_the_flag_and_nothing_else_changed() -> None:
    packet = read_packet(STREAM[2])
    assert read_packet(packet.as_duplicate).topic == packet.topic
    assert packet.as_duplicate[0] == packet.raw[0] | 0x08
    assert packet.as_duplicate[1:] == packet.raw[1:]


def test_labels() -> None:
    assert label_of("aggression/v1/site/gw/event/loud") == "event"
    assert label_of("aggression/v1/site/gw/sensor/a/level") == "sensor"
    assert label_of("other") == "other"


class Writer(Client):
    """paho, writing into a list."""

    def __init__(self) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, "t", protocol=MQTTv5)
        self.written: list[bytes] = []
        self._sock = socket.socket()  # never connected: it only has to be there

    def _packet_queue(self, command: int, packet: bytes, *rest: Any) -> MQTTErrorCode:
        self.written.append(bytes(packet))
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def test_it_reads_what_paho_writes() -> None:
    """An independent writer, with properties in front of the payload."""
    writer, topic = Writer(), "aggression/v1/s/g/event/loud"
    properties = Properties(PacketTypes.PUBLISH)
    properties.ResponseTopic = "aggression/v1/s/g/receipt"
    properties.CorrelationData = b"{not json"
    writer._send_publish(300, topic.encode(), b'{"a": 1}', 1, properties=properties)
    writer._send_publish(0, topic.encode(), b"x" * 5000, 0, retain=True)
    first, second = PacketSplitter().feed(b"".join(writer.written))
    assert (first.topic, first.packet_id, first.qos, first.retained) == (topic, 300, 1, False)
    assert (second.topic, second.packet_id, second.qos, second.retained) == (topic, 0, 0, True)
