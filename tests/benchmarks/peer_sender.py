"""One of the senders that `peer_outage` compares: a message every 100 ms, then only what is left to send.

    python -m tests.benchmarks.peer_sender outbox|queue|drop PORT FIRST UNTIL FOLDER

outbox: this product's Outbox and Publisher. queue: paho as its page shows it (loop_start, QoS 1, its queue in
memory with its default bounds). drop: paho, but a message is thrown away while there is no connection, as
zigbee2mqtt does (`publish()` in its lib/mqtt.ts logs "Cannot send message" and returns). The number of each
message is printed once the sender has taken it on: commit returned, or publish() did. FIRST: its first
number; UNTIL: the monotonic second after which it makes no more. It runs until it is killed.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.clock import HostClock
from gateway.delivery.broker_link import BrokerOptions
from gateway.delivery.outbox import Outbox
from gateway.delivery.publisher import Publisher
from tests.support.alerts import TOPICS, alert, commit
from tests.support.broker import HOST
from tests.support.delivering import LISTEN_TO, rules_for

EVERY_S = 0.1
TOPIC = "peer/event"
RECEIVER = "desk"

Send = Callable[[int], bool]
"""Whether the sender has taken the message on."""


def outbox_sender(port: int, folder: Path) -> Send:
    clock = HostClock()
    outbox = Outbox.open(folder / "outbox.db")
    publisher = Publisher(
        outbox.path,
        [BrokerOptions(HOST, port, TOPICS.gateway, listen_to=LISTEN_TO)],
        TOPICS,
        clock=clock,
        on_fatal=lambda *told: print(told, file=sys.stderr),
        rules=rules_for(RECEIVER),
    )
    publisher.start()

    def send(number: int) -> bool:
        taken = commit(outbox, alert(number), clock) is not None
        publisher.wake()
        return taken

    return send


def paho_sender(port: int, *, drops: bool) -> Send:
    client = Client(CallbackAPIVersion.VERSION2, "peer", protocol=MQTTv5)
    client.reconnect_delay_set(1, 30)  # as the product's own
    kept = Properties(PacketTypes.CONNECT)
    kept.SessionExpiryInterval = 24 * 3600
    client.connect_async(HOST, port, keepalive=10, clean_start=False, properties=kept)
    client.loop_start()

    def send(number: int) -> bool:
        if drops and not client.is_connected():
            return True  # taken on, and thrown away
        code = client.publish(TOPIC, str(number).encode(), qos=1).rc
        return code in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN)

    return send


def main() -> None:
    kind, port, number = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    until_s, folder = float(sys.argv[4]), Path(sys.argv[5])
    send = outbox_sender(port, folder) if kind == "outbox" else paho_sender(port, drops=kind == "drop")
    due_s = time.monotonic()
    pause = threading.Event()
    while time.monotonic() < until_s:
        if send(number):
            print(number, flush=True)
        number += 1
        due_s += EVERY_S
        pause.wait(max(0.0, due_s - time.monotonic()))
    while True:
        pause.wait(60.0)


if __name__ == "__main__":
    main()
