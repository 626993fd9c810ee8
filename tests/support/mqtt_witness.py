"""A plain subscriber that writes down what a broker really delivers: a witness, not one of our rooms."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.waiting import DEADLINE_S, Collector


@dataclass(frozen=True, slots=True)
class Seen:
    topic: str
    payload: bytes
    retained: bool
    qos: int


class Witness:
    """Its session outlives broker restarts; `seen` collects every delivery, doubles too."""

    def __init__(
        self, port: int, topic: str = "#", *, username: str | None = None, password: str | None = None
    ) -> None:
        self.seen: Collector[Seen] = Collector()
        self._subscribed = threading.Event()
        self._client = Client(CallbackAPIVersion.VERSION2, f"witness-{id(self)}", protocol=MQTTv5)
        self._client.username_pw_set(username, password)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 3600
        self._client.connect_async("127.0.0.1", port, keepalive=60, clean_start=False, properties=expiry)

    def start(self) -> Witness:
        self._client.loop_start()
        return self

    def wait_subscribed(self) -> Witness:
        assert self._subscribed.wait(DEADLINE_S), "the witness could not subscribe"
        return self

    def expect_new_subscription(self) -> None:
        """Call before a broker restart; wait_subscribed() then waits for the next one."""
        self._subscribed.clear()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(DEADLINE_S)

    def close(self) -> None:
        forget = Properties(PacketTypes.DISCONNECT)
        forget.SessionExpiryInterval = 0
        self._client.disconnect(properties=forget)
        self._client.loop_stop()

    def __enter__(self) -> Witness:
        return self.start().wait_subscribed()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _on_message(self, _client: Client, _userdata: Any, message: MQTTMessage) -> None:
        self.seen.add(Seen(message.topic, bytes(message.payload), message.retain, message.qos))
