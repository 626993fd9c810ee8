"""The scripted gateway on real brokers: it publishes rows, hears receipts, answers requests, sends again."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from gateway.contract.types import Alert
from tests.control_room.scripted_gateway import Posting, ScriptedGateway
from tests.support.mqtt_witness import Witness
from tests.support.waiting import DEADLINE_S, Collector


class _Leg(Witness):
    """Its connection to one broker."""

    def __init__(self, port: int, owner: GatewayOnBrokers, **login: str) -> None:
        self._owner = owner
        super().__init__(port, f"{owner.script.topics.base}/+/#", **login)

    def _on_message(self, client: Client, _userdata: Any, message: MQTTMessage) -> None:
        if message.retain or not message.topic.split("/")[4].startswith(("receipt", "request")):
            return
        for topic, payload in self._owner.heard(message.topic, bytes(message.payload)):
            client.publish(topic, payload, qos=1)


class GatewayOnBrokers:
    """Use it in a `with`. ports: of its brokers; alerts leave by the first one unless told otherwise."""

    def __init__(self, *ports: int, script: ScriptedGateway | None = None, **login: str) -> None:
        self.script = script or ScriptedGateway()
        self.said: Collector[tuple[str, bytes]] = Collector()
        self._lock = threading.Lock()
        self._legs = [_Leg(port, self, **login) for port in ports]

    def __enter__(self) -> GatewayOnBrokers:
        for leg in self._legs:
            leg.start()
        for leg in self._legs:
            leg.wait_subscribed()
        return self

    def __exit__(self, *_: object) -> None:
        for leg in self._legs:
            leg.close()

    def heard(self, topic: str, payload: bytes) -> list[Posting]:
        with self._lock:
            answers = self.script.hear(topic, payload)
        self.said.add((topic, payload))
        return answers

    def add(self, alert: Alert) -> Alert:
        with self._lock:
            return self.script.add(alert)

    def send(self, *alerts: Alert, legs: Sequence[int] = (0,)) -> list[Alert]:
        """Commit and publish."""
        rows = [self.add(one) for one in alerts]
        self._post_all([self.script.event(row) for row in rows], legs)
        return rows

    def send_again(self, legs: Sequence[int] = (0,)) -> int:
        """What nobody has receipted, once more; how many those were."""
        with self._lock:
            postings = [self.script.event(row) for row in self.script.unreceived()]
        self._post_all(postings, legs)
        return len(postings)

    def beat(self, legs: Sequence[int] = (0,), **changes: object) -> None:
        with self._lock:
            posting = self.script.heartbeat(**changes)
        self.post(posting, legs=legs)

    def post(self, posting: Posting, *, legs: Sequence[int] = (0,), retain: bool = False) -> None:
        self._post_all([posting], legs, retain)

    def wait_received(self, deadline_s: float = DEADLINE_S) -> None:
        """Until all its rows were receipted."""
        self.said.wait_for(lambda _: not self._unreceived(), "receipts of all rows", deadline_s)

    def wait_requests(self, count: int) -> None:
        self.said.wait_for(lambda _: len(self.script.requests) >= count, f"{count} requests")

    def wait_answered(self, beat: int) -> None:
        self.said.wait_for(lambda _: beat in self.script.beats_answered, f"the answer to beat {beat}")

    def _post_all(self, postings: Sequence[Posting], legs: Sequence[int], retain: bool = False) -> None:
        """Until each broker has them."""
        sent = [
            self._legs[leg]._client.publish(topic, payload, qos=1, retain=retain)
            for topic, payload in postings
            for leg in legs
        ]
        for info in sent:
            info.wait_for_publish(DEADLINE_S)

    def _unreceived(self) -> list[Alert]:
        with self._lock:
            return self.script.unreceived()
