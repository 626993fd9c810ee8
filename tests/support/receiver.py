"""A receiver as small as the contract allows: it answers alerts and heartbeats as the test tells it to.

Scripted from the outside: not the receiving kit, so that gateway and kit cannot share a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt.client import Client, MQTTMessage

from gateway.contract.encoding import decode, encode
from gateway.contract.topics import TopicBuilder
from gateway.contract.types import Alert, Heartbeat, Receipt, Received, Request, Response
from gateway.contract.vocabulary import SCHEMA_VERSION, Command
from tests.support.alerts import TOPICS
from tests.support.mqtt_witness import Witness
from tests.support.waiting import Collector


class ScriptedReceiver(Witness):
    """confirms: whether it gives a receipt for this alert now; answers: whether it does anything at all."""

    def __init__(
        self,
        port: int,
        name: str = "room",
        *,
        confirms: Callable[[Alert], bool] = lambda alert: True,
        topics: TopicBuilder = TOPICS,
    ) -> None:
        super().__init__(port, f"{topics.base}/#")
        self.name = name
        self.confirms = confirms
        self.answers = True
        self.responses: Collector[Response] = Collector()
        self.beats: Collector[Heartbeat] = Collector()
        self._topics = topics
        self._transactions = 0

    def receipt(
        self, alerts: Iterable[Alert] = (), beat: int | None = None, name: str | None = None
    ) -> bytes:
        return encode(
            Receipt(
                schema=SCHEMA_VERSION,
                site=self._topics.site,
                gateway=self._topics.gateway,
                receiver=name or self.name,
                received=tuple(Received(event_id=one.event_id, revision=one.revision) for one in alerts),
                beat=beat,
            )
        )

    def confirm(self, *alerts: Alert) -> None:
        """Give a receipt of its own accord."""
        self.publish(self._topics.receipt, self.receipt(alerts))

    def ask(self, command: Command, **fields: object) -> list[Response]:
        """All parts of the answer to a request, in order."""
        self._transactions += 1
        transaction = f"{self.name}-{self._transactions}"
        request = Request(
            schema=SCHEMA_VERSION,
            site=self._topics.site,
            gateway=self._topics.gateway,
            receiver=self.name,
            transaction=transaction,
            **fields,  # type: ignore[arg-type]
        )
        self.publish(self._topics.request(command), encode(request))

        def parts(seen: list[Response]) -> list[Response]:
            return [one for one in seen if one.transaction == transaction]

        def complete(seen: list[Response]) -> bool:
            return any(len(parts(seen)) == one.parts for one in parts(seen))

        return parts(self.responses.wait_for(complete, f"the answer to {command.value}"))

    def _on_message(self, client: Client, userdata: Any, message: MQTTMessage) -> None:
        payload = bytes(message.payload)
        super()._on_message(client, userdata, message)
        if message.retain or not self.answers:
            return
        kind = message.topic.removeprefix(f"{self._topics.base}/").split("/")[0]
        if kind == "event":
            alert = decode(payload, Alert)
            if isinstance(alert, Alert) and self.confirms(alert):
                client.publish(self._topics.receipt, self.receipt([alert]), qos=1)
        elif kind == "heartbeat":
            beat = decode(payload, Heartbeat)
            assert isinstance(beat, Heartbeat)
            client.publish(self._topics.receipt, self.receipt(beat=beat.beat), qos=1)
            self.beats.add(beat)
        elif kind == "response":
            response = decode(payload, Response)
            assert isinstance(response, Response)
            self.responses.add(response)
