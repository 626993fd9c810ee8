"""The connection to a real broker: states, will, acknowledgements, backoff, nothing leaking."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from gateway.delivery.backoff import Backoff, BackoffRule
from gateway.delivery.broker_link import (
    NO_MATCHING_SUBSCRIBERS,
    Acknowledged,
    AnswerTo,
    BrokerOptions,
    Heard,
    LinkPhase,
    LinkState,
    NotSent,
    TlsFiles,
    Token,
    Will,
)
from gateway.delivery.mqtt import MqttLink, probe
from gateway.secret import Secret
from tests.support.broker import HOST, EmbeddedBroker, MosquittoBroker, free_port
from tests.support.mqtt_witness import Witness
from tests.support.waiting import Collector

QUICK = BackoffRule(first_s=0.01, most_s=0.05)


def options(port: int, **changes: object) -> BrokerOptions:
    plain = BrokerOptions(HOST, port, "gw-under-test", backoff=QUICK, session_expiry_s=60)
    return replace(plain, **changes)  # type: ignore[arg-type]


class Running:
    """A started link and what it reported."""

    def __init__(self, chosen: BrokerOptions) -> None:
        self.events: Collector[LinkState | Acknowledged | Heard] = Collector()
        self.link = MqttLink(chosen, self.events.add, self._fatal, Random(1))
        self.fatal: list[BaseException] = []

    def _fatal(self, _thread: str, problem: BaseException) -> None:
        self.fatal.append(problem)

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        answer_to: AnswerTo | None = None,
    ) -> Token | NotSent:
        """On the latest connection."""
        generation = max(item.generation for item in self.events.items if isinstance(item, LinkState))
        return self.link.publish(
            topic, payload, qos=qos, retain=retain, generation=generation, answer_to=answer_to
        )

    def wait_phase(self, phase: LinkPhase, times: int = 1) -> LinkState:
        items = self.events.wait_for(lambda items: len(states(items, phase)) >= times, phase.name)
        return states(items, phase)[times - 1]

    def wait_acknowledged(self, token: Token | NotSent) -> Acknowledged:
        found = self.events.first(
            lambda item: isinstance(item, Acknowledged) and item.token == token, "a PUBACK"
        )
        assert isinstance(found, Acknowledged)
        return found


def states(items: list[LinkState | Acknowledged], phase: LinkPhase) -> list[LinkState]:
    return [item for item in items if isinstance(item, LinkState) and item.phase is phase]


@contextmanager
def running(chosen: BrokerOptions) -> Iterator[Running]:
    started = Running(chosen)
    started.link.start()
    try:
        yield started
    finally:
        assert started.link.stop(), "the paho thread did not end"
        assert started.fatal == []


@pytest.fixture(scope="module")
def broker() -> Iterator[MosquittoBroker]:
    with MosquittoBroker() as started:
        yield started


def test_it_connects_publishes_and_hears_the_acknowledgement(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "one/#") as witness, running(options(broker.port)) as gateway:
        assert gateway.wait_phase(LinkPhase.CONNECTED).connected
        token = gateway.publish("one/event", b"hello")
        assert gateway.wait_acknowledged(token).reason == 0
        seen = witness.seen.first(lambda item: item.topic == "one/event")
        assert (seen.payload, seen.qos, seen.retained) == (b"hello", 1, False)


def test_qos_0_is_acknowledged_when_it_is_written(broker: MosquittoBroker) -> None:
    with Witness(broker.port, "zero/#") as witness, running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        gateway.wait_acknowledged(gateway.publish("zero/level", b"1", qos=0, retain=True))
        assert witness.seen.first(lambda item: item.topic == "zero/level").qos == 0


def test_nobody_listening_is_an_acknowledgement_that_says_so(broker: MosquittoBroker) -> None:
    with running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        token = gateway.publish("nobody/listens", b"x")
        assert gateway.wait_acknowledged(token).reason == NO_MATCHING_SUBSCRIBERS


def test_without_a_connection_nothing_is_taken() -> None:
    with running(options(free_port())) as gateway:
        gateway.wait_phase(LinkPhase.UNREACHABLE)
        assert gateway.publish("t", b"x") is NotSent.OFFLINE


def test_what_was_meant_for_an_earlier_connection_is_not_taken(broker: MosquittoBroker) -> None:
    with running(options(broker.port)) as gateway:
        first = gateway.wait_phase(LinkPhase.CONNECTED)
        gateway.link.drop("the test")
        gateway.wait_phase(LinkPhase.CONNECTED, times=2)
        late = gateway.link.publish("t", b"x", qos=1, retain=False, generation=first.generation)
        assert late is NotSent.OFFLINE


def test_a_topic_with_a_wildcard_is_misuse(broker: MosquittoBroker) -> None:
    with running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        with pytest.raises(ValueError, match="topic"):
            gateway.publish("a/#", b"x")


def test_the_will_is_published_when_we_vanish_and_not_after_a_goodbye(broker: MosquittoBroker) -> None:
    will = Will("w/status", b"offline")
    with Witness(broker.port, "w/#") as witness:
        with running(options(broker.port, will=will, will_delay_s=0)) as gateway:
            gateway.wait_phase(LinkPhase.CONNECTED)
            gateway.link.drop("the test pulls the plug")
            assert "pulls the plug" in gateway.wait_phase(LinkPhase.LOST).detail
            witness.seen.first(lambda item: item.payload == b"offline", "the will")
            gateway.wait_phase(LinkPhase.CONNECTED, times=2)
        witness.publish("w/marker", b"after the goodbye")
        seen = witness.seen.wait_for(lambda items: items[-1].topic == "w/marker", "the marker")
        assert [item.topic for item in seen] == ["w/status", "w/marker"]
    with Witness(broker.port, "w/status") as late:
        assert late.seen.first(lambda item: True).retained


def test_a_connection_that_is_back_at_once_was_never_gone(broker: MosquittoBroker) -> None:
    """The broker holds the will back for a while (MQTT 5), so that a short break does not flap."""
    will = Will("delayed/status", b"offline")
    with Witness(broker.port, "delayed/#") as witness:
        with running(options(broker.port, will=will, will_delay_s=30)) as gateway:
            gateway.wait_phase(LinkPhase.CONNECTED)
            for times in range(2, 5):
                gateway.link.drop("the test pulls the plug")
                gateway.wait_phase(LinkPhase.CONNECTED, times=times)
        witness.publish("delayed/marker", b"after the goodbye")
        seen = witness.seen.wait_for(lambda items: items[-1].topic == "delayed/marker", "the marker")
        assert [item.topic for item in seen] == ["delayed/marker"]


def test_what_is_published_to_us_comes_in_and_only_that(broker: MosquittoBroker) -> None:
    with (
        Witness(broker.port) as witness,
        running(options(broker.port, listen_to=("to/us", "ask/+"))) as gateway,
    ):
        assert gateway.wait_phase(LinkPhase.CONNECTED).hears
        for topic in ("to/us", "to/others", "ask/open"):
            witness.publish(topic, topic.encode())
        heard = gateway.events.wait_for(lambda items: sum(isinstance(one, Heard) for one in items) == 2)
        told = [one for one in heard if isinstance(one, Heard)]
        assert [(one.topic, one.payload, one.retained) for one in told] == [
            ("to/us", b"to/us", False),
            ("ask/open", b"ask/open", False),
        ]


@pytest.mark.parametrize("mqtt5", [True, False])
def test_both_versions_of_mqtt_are_served(broker: MosquittoBroker, mqtt5: bool) -> None:
    chosen = options(broker.port, mqtt5=mqtt5, listen_to=("to/us",), will=Will("w/status", b"offline"))
    with Witness(broker.port) as witness, running(chosen) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        gateway.wait_acknowledged(gateway.publish("t", b"x", answer_to=AnswerTo("to/us", b"ev:0")))
        witness.seen.first(lambda item: item.payload == b"x")
        witness.publish("to/us", b"receipt")
        gateway.events.first(lambda item: isinstance(item, Heard) and item.payload == b"receipt")


def test_it_is_back_after_the_broker_was_killed() -> None:
    with MosquittoBroker() as broker, running(options(broker.port)) as gateway:
        first = gateway.wait_phase(LinkPhase.CONNECTED)
        broker.kill()
        gateway.wait_phase(LinkPhase.LOST)
        gateway.wait_phase(LinkPhase.UNREACHABLE)
        broker.start()
        again = gateway.wait_phase(LinkPhase.CONNECTED, times=2)
        assert again.generation > first.generation
        gateway.wait_acknowledged(gateway.publish("t", b"x"))


def test_a_broker_that_is_absent_is_unreachable_with_a_reason_and_a_next_attempt() -> None:
    port = free_port()
    with running(options(port)) as gateway:
        state = gateway.wait_phase(LinkPhase.UNREACHABLE, times=5)
        assert state.retry_in_s is not None
        assert "cannot be reached" in state.text("en")
        assert "onbereikbaar" in state.text("nl")
        assert f"127.0.0.1:{port}" in state.text("nl")
        assert "refused" in state.detail.lower()


def test_an_unknown_host_is_unreachable() -> None:
    with running(options(1883, host="no-such-host.invalid")) as gateway:
        assert gateway.wait_phase(LinkPhase.UNREACHABLE).detail


@pytest.mark.parametrize("password", [None, "wrong"])
def test_a_wrong_login_is_unauthorised(password: str | None) -> None:
    with MosquittoBroker(users={"gw": "right"}) as broker:
        login = {"username": "gw", "password": Secret(password)} if password else {}
        with running(options(broker.port, **login)) as gateway:
            state = gateway.wait_phase(LinkPhase.UNAUTHORISED, times=2)
            assert "user name, password" in state.text("en")
        right = options(broker.port, username="gw", password=Secret("right"))
        assert probe(right, 20.0).connected


def test_a_password_is_never_shown() -> None:
    secret = options(1883, username="gw", password=Secret("hunter2"))
    assert "hunter2" not in f"{secret!r} {secret} {MqttLink(secret, print, print)!r}"


def test_a_forbidden_topic_is_acknowledged_with_a_refusal() -> None:
    with MosquittoBroker(acl="topic write allowed/#\n") as broker, running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        forbidden = gateway.publish("forbidden", b"x")
        assert gateway.wait_acknowledged(forbidden).reason == 0x87


def test_what_is_larger_than_the_broker_takes_is_not_sent() -> None:
    with MosquittoBroker("max_packet_size 200") as broker, running(options(broker.port)) as gateway:
        assert gateway.wait_phase(LinkPhase.CONNECTED).maximum_packet_size == 200
        assert gateway.publish("t", b"x" * 300) is NotSent.TOO_LARGE
        gateway.wait_acknowledged(gateway.publish("t", b"x" * 100))


def test_the_broker_that_comes_with_pip_serves_too() -> None:
    with (
        EmbeddedBroker() as broker,
        running(options(broker.port)) as gateway,
        Witness(broker.port) as witness,
    ):
        gateway.wait_phase(LinkPhase.CONNECTED)
        gateway.wait_acknowledged(gateway.publish("t", b"x"))
        witness.seen.first(lambda item: item.payload == b"x")


class Impostor:
    """A TCP server that gives everybody who comes in the same answer, or one that it makes up each time."""

    def __init__(self, answer: bytes | Callable[[], bytes] | None) -> None:
        """answer None: say nothing and keep the connection."""
        self._answer = answer
        self._kept: list[socket.socket] = []
        self.accepted = 0
        self._server = socket.create_server((HOST, 0))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self.accepted += 1
            if self._answer is None:
                self._kept.append(connection)
                continue
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                connection.sendall(self._answer if isinstance(self._answer, bytes) else self._answer())

    def __enter__(self) -> Impostor:
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._kept:
            connection.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x20\x02\x00\x01",  # an MQTT 3.1.1 broker: unacceptable protocol version
        b"\x20\x03\x00\x84\x00",  # MQTT 5: unsupported protocol version
        Random(3).randbytes(64),
    ],
)
def test_what_is_no_mqtt_5_broker_is_refused_and_tried_again(answer: bytes) -> None:
    with Impostor(answer) as impostor, running(options(impostor.port)) as gateway:
        state = gateway.wait_phase(LinkPhase.REFUSED, times=3)
        assert "MQTT 5" in state.text("en")


@pytest.mark.parametrize("seed", range(3))
def test_no_answer_whatever_ends_the_trying(seed: int) -> None:
    chance = Random(seed)
    kinds = (0x20, 0x30, 0x32, 0x34, 0x40, 0x50, 0x62, 0x70, 0x90, 0xB0, 0xD0, 0xE0)

    def answer() -> bytes:
        """Packets of every kind with rubbish inside, half of them after a proper welcome."""
        rubbish = chance.randbytes(chance.randrange(24))
        packet = bytes((chance.choice(kinds), len(rubbish))) + rubbish
        return (b"\x20\x03\x00\x00\x00" if chance.random() < 0.5 else b"") + packet

    at_once = BackoffRule(first_s=0.0, most_s=0.0)
    with Impostor(answer) as impostor, running(options(impostor.port, backoff=at_once)) as gateway:
        gateway.events.wait_for(lambda items: len(states(items, LinkPhase.CONNECTING)) > 300, "300 attempts")


def test_a_peer_that_never_answers_is_given_up_after_the_deadline() -> None:
    with Impostor(None) as impostor, running(options(impostor.port, answer_s=0.2)) as gateway:
        assert "no answer" in gateway.wait_phase(LinkPhase.UNREACHABLE, times=2).detail


def test_there_is_one_attempt_at_a_time() -> None:
    with Impostor(None) as impostor, running(options(impostor.port, answer_s=0.2)) as gateway:
        gateway.wait_phase(LinkPhase.UNREACHABLE, times=3)
        begun = len(states(gateway.events.items, LinkPhase.CONNECTING))
        ended = len(states(gateway.events.items, LinkPhase.UNREACHABLE))
        assert begun - ended in (0, 1)
        assert impostor.accepted <= begun + 1


@pytest.mark.parametrize("present", [True, False])
def test_tls_files_that_cannot_be_used_are_a_state(tmp_path: Path, present: bool) -> None:
    ca = tmp_path / "ca.pem"
    if present:
        ca.write_text("no certificate")
    with running(options(free_port(), tls=TlsFiles(ca=ca))) as gateway:
        state = gateway.wait_phase(LinkPhase.UNTRUSTED)
        assert "TLS certificates" in state.text("en")


def test_a_broker_without_tls_is_not_trusted(broker: MosquittoBroker) -> None:
    with running(options(broker.port, tls=TlsFiles())) as gateway:
        state = gateway.events.first(
            lambda item: (
                isinstance(item, LinkState) and item.phase in (LinkPhase.UNTRUSTED, LinkPhase.UNREACHABLE)
            )
        )
        assert isinstance(state, LinkState)
        assert state.detail


def test_a_probe_does_not_throw_the_running_gateway_out(broker: MosquittoBroker) -> None:
    with running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        assert probe(options(broker.port), 20.0).connected
        gateway.wait_acknowledged(gateway.publish("still/here", b"x"))
        assert states(gateway.events.items, LinkPhase.LOST) == []


def test_a_probe_of_nothing_says_why() -> None:
    assert probe(options(free_port()), 20.0).phase is LinkPhase.UNREACHABLE


def test_many_reconnections_leave_no_file_open(
    broker: MosquittoBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.mqtt.LOOP_S", 0.01)

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    with running(options(broker.port)) as gateway:
        gateway.wait_phase(LinkPhase.CONNECTED)
        before = open_files()
        for lap in range(2, 12):
            gateway.link.drop("again")
            gateway.wait_phase(LinkPhase.CONNECTED, times=lap)
        assert open_files() <= before + 1


def test_stopping_while_waiting_for_the_next_attempt_does_not_wait_it_out() -> None:
    patient = BackoffRule(first_s=3600.0, most_s=3600.0)
    with running(options(free_port(), backoff=patient)) as gateway:
        gateway.wait_phase(LinkPhase.UNREACHABLE)
    assert states(gateway.events.items, LinkPhase.STOPPED)


def test_a_sink_that_breaks_is_reported_as_fatal() -> None:
    fatal: Collector[tuple[str, BaseException]] = Collector()

    def broken(_event: object) -> None:
        raise RuntimeError("sink")

    link = MqttLink(options(free_port()), broken, lambda *told: fatal.add(told))
    link.start()
    assert fatal.first(lambda told: True)[0] == "paho:primary"
    link.stop()


# Backoff, without any network.


def test_delays_double_up_to_the_cap_within_the_jitter() -> None:
    backoff = Backoff(BackoffRule(first_s=1.0, most_s=30.0, jitter=0.3), Random(7))
    for ideal in (1, 2, 4, 8, 16, 30, 30, 30):
        assert 0.7 * ideal <= backoff.next_delay_s(held_s=0.0) <= 1.3 * ideal
    for _ in range(5000):
        assert backoff.next_delay_s(held_s=0.0) <= 39.0


def test_only_a_connection_that_held_starts_over() -> None:
    backoff = Backoff(BackoffRule(first_s=1.0, most_s=30.0, jitter=0.0, settled_s=10.0), Random(7))
    assert [backoff.next_delay_s(held) for held in (0.0, 3.0, 9.0, 11.0, 0.0)] == [1.0, 2.0, 4.0, 1.0, 2.0]


def test_a_broker_that_is_back_is_found_within_five_seconds() -> None:
    backoff = Backoff(BackoffRule(), Random(7))
    assert max(backoff.next_delay_s(0.0) for _ in range(5000)) <= 5.0


def test_delays_differ_between_gateways() -> None:
    delays = {Backoff(BackoffRule(), Random(seed)).next_delay_s(0.0) for seed in range(50)}
    assert len(delays) == 50
