"""Brokers: full, with other passwords, rights and certificates, two of them, and with hostile company."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from random import Random

from tests.chaos.cells import Cell
from tests.chaos.points import HOLD
from tests.chaos.setup import GATEWAY as GATEWAY_ID
from tests.chaos.setup import SITE, Setup
from tests.chaos.site import PASSWORDS, Site
from tests.support.broker import HOST
from tests.support.mqtt_witness import Witness

BASE = f"aggression/v1/{SITE}/{GATEWAY_ID}"
ALL = "topic readwrite #\n"
RIGHTS = f"user gateway\n{ALL}user receiver\n{ALL}"
NO_EVENTS = f"user gateway\ntopic deny {BASE}/event/#\n{ALL}user receiver\n{ALL}"
NO_RECEIPTS = f"user gateway\n{ALL}user receiver\ntopic deny {BASE}/receipt\n{ALL}"
TWO = Setup(brokers=2)


def cells() -> Iterator[Cell]:
    yield Cell("broker's queue full", queue_full, Setup(broker_lines=("max_queued_messages 3",)))
    yield Cell("broker forgets queued alerts", queue_forgotten, Setup(keeps_state=False))
    yield Cell("wrong password, then the right one", wrong_password, Setup(login=True))
    yield Cell("alerts denied, then allowed", events_denied, Setup(login=True, acl=RIGHTS))
    yield Cell("receipts denied, then allowed", receipts_denied, Setup(login=True, acl=RIGHTS))
    yield Cell("certificate expired, then renewed", certificate_expired, Setup(tls=True))
    yield Cell("certificate renewed while running", certificate_renewed, Setup(tls=True))
    yield Cell("TLS broken off again and again", tls_reset, Setup(tls=True))
    yield Cell("client id stolen", client_id_stolen)
    yield Cell("hostile messages", hostile)
    yield Cell("primary broker dead, then back", failover, TWO)
    yield Cell("primary broker stalls", primary_stalls, TWO)
    yield Cell("primary broker comes and goes", primary_flaps, TWO)
    yield Cell("both brokers dead", both_dead, TWO)
    yield Cell("receiver hears the backup only", receiver_on_backup, TWO)
    yield Cell("two receivers, one dead", one_receiver_dead, Setup(receivers=("desk", "second")))


def queue_full(site: Site, _random: Random) -> None:
    """The broker takes alerts, says so, and throws them away: its queue for the receiver is full."""
    receiver = next(iter(site.receivers.values()))
    receiver.kill()
    site.wait(12.0)
    receiver.start()


def queue_forgotten(site: Site, random: Random) -> None:
    """Acknowledged, queued for a receiver that is away, and gone with the broker."""
    receiver = next(iter(site.receivers.values()))
    for _ in range(2):
        receiver.kill()
        site.wait(random.uniform(2.0, 4.0))
        site.broker_down(forget=True)
        site.broker_up()
        receiver.start()
        site.received_more(2)


def wrong_password(site: Site, random: Random) -> None:
    broker = site.brokers[0]
    broker.add_user("gateway", "another")
    site.gate().reset()
    site.wait(random.uniform(8.0, 10.0))
    broker.add_user("gateway", PASSWORDS["gateway"])


def events_denied(site: Site, random: Random) -> None:
    with site.impaired():
        site.brokers[0].set_acl(NO_EVENTS)
        site.wait(random.uniform(10.0, 12.0))
        site.brokers[0].set_acl(RIGHTS)


def receipts_denied(site: Site, random: Random) -> None:
    with site.impaired():
        site.brokers[0].set_acl(NO_RECEIPTS)
        site.wait(random.uniform(14.0, 16.0))
        site.brokers[0].set_acl(RIGHTS)


def certificate_expired(site: Site, random: Random) -> None:
    with site.impaired():
        site.new_certificate(days=(-20, -1))
        site.broker_down()
        site.broker_up()
        site.wait(random.uniform(8.0, 10.0))
        site.new_certificate(days=(-1, 30))
        site.broker_down()
        site.broker_up()


def certificate_renewed(site: Site, random: Random) -> None:
    """In place, with another key, and the broker told to read it again; then everybody connects anew."""
    for seed in (3, 4):
        site.new_certificate(days=(-1, 30), seed=seed)
        site.brokers[0].reload()
        site.wait(random.uniform(1.0, 2.0))
        for gate in site.gates_to(0):
            gate.reset()
        site.received_more(4)


def tls_reset(site: Site, random: Random) -> None:
    for _ in range(6):
        site.wait(random.uniform(0.2, 2.0))
        for gate in site.gates_to(0):
            gate.reset()


def client_id_stolen(site: Site, random: Random) -> None:
    """Somebody else connects as the gateway, and its session with everything queued in it is gone."""
    for _ in range(5):
        site.wait(random.uniform(0.5, 2.5))
        with socket.create_connection((HOST, site.brokers[0].port), timeout=5.0) as thief:
            thief.sendall(_connect(f"agw-{SITE}-{GATEWAY_ID}"))
            thief.recv(64)


def hostile(site: Site, random: Random) -> None:
    """Retained alerts, receipts and requests, garbage on every topic, receivers that nobody named."""
    known = next(iter(site.observer.committed))
    receipt = {
        "type": "receipt",
        "schema": "1.1",
        "site": SITE,
        "gateway": GATEWAY_ID,
        "receiver": "nobody",
        "received": [{"event_id": known[0], "revision": known[1]}],
    }
    resend = {
        "type": "request",
        "schema": "1.1",
        "site": SITE,
        "gateway": GATEWAY_ID,
        "receiver": next(iter(site.receivers)),
        "transaction": "t1",
        "numbering": "0" * 16,
        "lane": "live",
        "first_seq": 1,
        "last_seq": 1_000_000_000,
    }
    topics = ("event/loud", "receipt", "request/open", "request/resend", "request/test", "heartbeat",
              "response/open", "response/resend", "status", "health")  # fmt: skip
    with Witness(site.brokers[0].port, "nothing") as enemy:
        for round_number in range(40):
            topic = f"{BASE}/{random.choice(topics)}"
            garbage = random.choice(
                (b"", b"{", b"[]", b"\xff" * 10, b"null", b'{"type": "alert"}', b"9" * 5000)
            )
            retain = round_number % 2 == 0 and not topic.endswith(("status", "health"))
            enemy.publish(topic, garbage, retain=retain)
            enemy.publish(f"{BASE}/receipt", json.dumps(receipt).encode(), retain=retain)
            enemy.publish(f"{BASE}/request/resend", json.dumps(resend).encode(), retain=retain)
            enemy.publish(f"{BASE}/request/{random.choice(('open', 'test', 'resend'))}", garbage)
        site.gate().reset()  # everything retained comes again
        site.wait(2.0)
        for topic in topics[:-2]:
            enemy.publish(f"{BASE}/{topic}", b"", retain=True)


def failover(site: Site, random: Random) -> None:
    site.broker_down(0)
    site.wait(random.uniform(10.0, 14.0))
    site.broker_up(0)
    site.wait(36.0)  # until it is used again


def primary_stalls(site: Site, random: Random) -> None:
    """The connection stays and nothing is answered."""
    site.gate().treat(HOLD, HOLD)
    site.wait(random.uniform(8.0, 12.0))
    site.gate().treat()


def primary_flaps(site: Site, random: Random) -> None:
    for _ in range(5):
        site.broker_down(0, forget=True)
        site.wait(random.uniform(0.5, 2.0))
        site.broker_up(0)
        site.wait(random.uniform(0.5, 3.0))


def both_dead(site: Site, random: Random) -> None:
    site.broker_down(0)
    site.wait(random.uniform(1.0, 3.0))
    site.broker_down(1, forget=True)
    site.wait(random.uniform(5.0, 8.0))
    site.broker_up(1)
    site.wait(random.uniform(3.0, 6.0))
    site.broker_up(0)


def receiver_on_backup(site: Site, random: Random) -> None:
    """The primary takes and acknowledges every alert, and its receiver cannot be reached there."""
    gate = site.gate(next(iter(site.receivers)), 0)
    gate.refuse()
    site.wait(random.uniform(25.0, 30.0))
    gate.listen()


def one_receiver_dead(site: Site, random: Random) -> None:
    site.receivers["second"].kill()
    site.wait(random.uniform(20.0, 25.0))
    site.receivers["second"].start()


def _connect(client_id: str) -> bytes:
    """An MQTT 5 CONNECT with a clean start, as plain bytes."""
    name = client_id.encode()
    body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00" + len(name).to_bytes(2) + name
    return b"\x10" + bytes([len(body)]) + body
