"""The gates: what passes, what does not, and that a named point is met exactly."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.chaos.gate import HOST, Gate, Pump
from tests.chaos.packets import Kind, Packet
from tests.chaos.points import HOLD, VOID, Point, Treatment, Way, When
from tests.chaos.test_packets import publish

DEADLINE_S = 20.0
CONNECT = bytes.fromhex("100f00044d5154540502003c0000026162")
CONNACK = bytes.fromhex("2003000000")
ALERT = publish("aggression/v1/s/g/event/loud", b"alert", packet_id=1)
STATUS = publish("aggression/v1/s/g/status", b"status", packet_id=2)
PUBACK_1 = bytes.fromhex("40020001")


class Ends:
    """A client and a broker's side of one connection through a gate."""

    def __init__(self, pump: Pump) -> None:
        self.server = socket.create_server((HOST, 0))
        self.server.settimeout(DEADLINE_S)
        self.gate: Gate = pump.gate("g", (HOST, self.server.getsockname()[1]))
        self.connect()

    def connect(self) -> None:
        self.client = socket.create_connection((HOST, self.gate.port), timeout=DEADLINE_S)
        self.broker, _ = self.server.accept()
        self.broker.settimeout(DEADLINE_S)

    def let_in(self) -> None:
        self.client.sendall(CONNECT)
        assert receive(self.broker, len(CONNECT)) == CONNECT
        self.broker.sendall(CONNACK)
        assert receive(self.client, len(CONNACK)) == CONNACK

    def close(self) -> None:
        for end in (self.client, self.broker, self.server):
            end.close()


def receive(end: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = end.recv(size - len(data))
        assert more, f"closed after {data!r}"
        data += more
    return data


def is_over(end: socket.socket) -> bool:
    """Whether the other side ends it, with whatever it still says before."""
    with contextlib.suppress(ConnectionResetError):
        while end.recv(4096):
            pass
    return True


def is_silent(end: socket.socket) -> bool:
    """Nothing has come. Only meaningful once something that was sent later has been seen elsewhere."""
    end.settimeout(0.0)
    try:
        return not end.recv(1)
    except BlockingIOError:
        return True
    finally:
        end.settimeout(DEADLINE_S)


@pytest.fixture
def ends() -> Iterator[Ends]:
    pump = Pump()
    pair = Ends(pump)
    yield pair
    pair.close()
    pump.close()


def test_everything_passes_both_ways_whole_or_in_pieces(ends: Ends) -> None:
    ends.let_in()
    for byte in ALERT:
        ends.client.sendall(bytes([byte]))
    assert receive(ends.broker, len(ALERT)) == ALERT
    ends.broker.sendall(PUBACK_1 + STATUS)
    assert receive(ends.client, len(PUBACK_1 + STATUS)) == PUBACK_1 + STATUS
    assert ends.gate.count(Way.UP, Kind.PUBLISH, "event") == 1
    assert ends.gate.count(Way.DOWN, Kind.PUBACK, "event") == 1
    assert ends.gate.count(Way.DOWN, Kind.PUBLISH, "status") == 1
    assert ends.gate.good


def test_a_goodbye_is_passed_on_after_the_last_bytes(ends: Ends) -> None:
    ends.let_in()
    ends.client.sendall(ALERT)
    ends.client.close()
    assert receive(ends.broker, len(ALERT)) == ALERT
    assert is_over(ends.broker)


def test_before_a_point_the_packet_never_arrives(ends: Ends) -> None:
    ends.let_in()
    met: list[Packet] = []
    armed = ends.gate.arm(Point(Way.UP, Kind.PUBLISH, "event", When.BEFORE), met.append)
    ends.client.sendall(STATUS + ALERT + STATUS)
    assert armed.fired.wait(DEADLINE_S)
    assert [packet.raw for packet in met] == [ALERT]
    with contextlib.suppress(ConnectionResetError):
        got = b""
        while more := ends.broker.recv(4096):
            got += more
        assert got in (b"", STATUS)  # what came earlier may have arrived, and nothing else has


def test_after_a_point_the_packet_has_been_passed_on(ends: Ends) -> None:
    ends.let_in()
    broker, seen = ends.broker, []

    def act(_packet: Packet) -> None:
        seen.append(broker.recv(4096))  # it is there already, or this would wait for ever

    armed = ends.gate.arm(Point(Way.UP, Kind.PUBLISH, "event", When.AFTER), act)
    ends.client.sendall(ALERT)
    assert armed.fired.wait(DEADLINE_S)
    assert seen == [ALERT]


def test_in_the_middle_of_a_packet_half_of_it_arrives(ends: Ends) -> None:
    ends.let_in()
    ends.gate.arm(Point(Way.UP, Kind.PUBLISH, "event", When.MIDDLE))
    ends.client.sendall(ALERT)
    assert is_over(ends.client)


def test_a_point_may_let_some_pass_first(ends: Ends) -> None:
    ends.let_in()
    met: list[Packet] = []
    armed = ends.gate.arm(Point(Way.UP, Kind.PUBLISH, "event", When.AFTER, skip=2), met.append)
    others = [publish("aggression/v1/s/g/event/loud", b"%d" % n, packet_id=9 + n) for n in range(4)]
    ends.client.sendall(b"".join(others))
    assert armed.fired.wait(DEADLINE_S)
    assert receive(ends.broker, sum(map(len, others))) == b"".join(others)
    assert [packet.raw for packet in met] == [others[2]]


def test_the_acknowledgement_of_an_alert_is_known_from_others(ends: Ends) -> None:
    ends.let_in()
    armed = ends.gate.arm(Point(Way.DOWN, Kind.PUBACK, "event", When.AFTER))
    ends.client.sendall(STATUS + ALERT)
    receive(ends.broker, len(STATUS + ALERT))
    ends.broker.sendall(bytes.fromhex("40020002"))
    assert receive(ends.client, 4) == bytes.fromhex("40020002")
    assert not armed.fired.is_set()
    ends.broker.sendall(PUBACK_1)
    assert armed.fired.wait(DEADLINE_S)


def test_what_is_held_comes_whole_and_in_order_when_it_is_let_go(ends: Ends) -> None:
    ends.let_in()
    ends.gate.treat(up=HOLD)
    ends.client.sendall(ALERT + STATUS)
    ends.broker.sendall(STATUS)
    assert receive(ends.client, len(STATUS)) == STATUS  # the other way is free
    assert is_silent(ends.broker)
    assert not ends.gate.good
    ends.gate.treat()
    assert receive(ends.broker, len(ALERT + STATUS)) == ALERT + STATUS
    assert ends.gate.good


def test_what_is_swallowed_never_comes_and_the_connection_stays(ends: Ends) -> None:
    ends.let_in()
    ends.gate.treat(up=VOID, down=VOID)
    ends.client.sendall(ALERT)
    ends.broker.sendall(STATUS)
    assert wait(lambda: ends.gate.count(Way.UP, Kind.PUBLISH, "event") == 1)
    assert wait(lambda: ends.gate.count(Way.DOWN, Kind.PUBLISH, "status") == 1)
    ends.gate.treat()
    ends.client.sendall(PUBACK_1)
    assert receive(ends.broker, 4) == PUBACK_1
    assert is_silent(ends.client)


def test_slow_is_one_packet_at_a_time(ends: Ends) -> None:
    ends.let_in()
    ends.gate.treat(up=Treatment(every_s=0.2))
    begun_s = time.monotonic()
    ends.client.sendall(ALERT * 3)
    assert receive(ends.broker, 3 * len(ALERT)) == ALERT * 3
    assert (
        time.monotonic() - begun_s >= 0.4
    )  # never faster than told; how much slower is the machine's business


def test_duplicates_of_alerts_alone(ends: Ends) -> None:
    ends.let_in()
    ends.gate.treat(up=Treatment(copies=3))
    ends.client.sendall(STATUS + ALERT)
    again = bytes([ALERT[0] | 0x08]) + ALERT[1:]
    assert receive(ends.broker, len(STATUS) + 3 * len(ALERT)) == STATUS + ALERT + again + again


def test_messages_of_one_label_can_be_lost(ends: Ends) -> None:
    ends.let_in()
    ends.gate.treat(up=Treatment(lost=frozenset(["event"])))
    ends.client.sendall(ALERT + STATUS)
    assert receive(ends.broker, len(STATUS)) == STATUS


def test_refusing_and_listening_again_on_the_same_port(ends: Ends) -> None:
    ends.let_in()
    port = ends.gate.port
    ends.gate.refuse()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=DEADLINE_S)
    assert is_over(ends.client)
    assert is_over(ends.broker)
    ends.gate.listen()
    assert ends.gate.port == port
    ends.connect()
    ends.let_in()


def test_a_reset_is_a_reset(ends: Ends) -> None:
    ends.let_in()
    ends.gate.reset()
    with pytest.raises(ConnectionResetError):
        ends.client.recv(1)
    with pytest.raises(ConnectionResetError):
        ends.broker.recv(1)


def test_half_open(ends: Ends) -> None:
    """The broker knows nothing of it any more, the client is not told."""
    ends.let_in()
    ends.gate.half_open()
    assert is_over(ends.broker)
    ends.client.sendall(ALERT)
    assert is_silent(ends.client)
    assert not ends.gate.good
    ends.gate.reset()
    assert is_over(ends.client)


def test_a_mute_gate_takes_connections_and_says_nothing(ends: Ends) -> None:
    ends.let_in()
    ends.gate.mute(True)
    silent = socket.create_connection((HOST, ends.gate.port), timeout=DEADLINE_S)
    silent.sendall(CONNECT)
    assert is_silent(silent)
    ends.gate.mute(False)
    assert is_over(silent)
    silent.close()


def test_without_a_broker_the_client_is_reset(ends: Ends) -> None:
    ends.server.close()
    with (
        pytest.raises(ConnectionResetError),
        socket.create_connection((HOST, ends.gate.port), timeout=DEADLINE_S) as lonely,
    ):
        lonely.recv(1)


def test_what_is_no_mqtt_passes_as_it_is(ends: Ends) -> None:
    hello = b"\x00\x00 no mqtt"
    ends.client.sendall(hello)
    assert receive(ends.broker, len(hello)) == hello
    ends.broker.sendall(hello)
    assert receive(ends.client, len(hello)) == hello


def test_the_history_says_when_alerts_could_pass(ends: Ends) -> None:
    ends.let_in()
    assert ends.gate.good
    ends.gate.treat(down=HOLD)
    ends.gate.treat()
    ends.client.close()
    assert wait(lambda: not ends.gate.good)
    states = [good for _at_s, good in ends.gate.history]
    assert states == [False, True, False, True, False]
    times = [at_s for at_s, _good in ends.gate.history]
    assert times == sorted(times)


def wait(holds: object) -> bool:
    give_up_s = time.monotonic() + DEADLINE_S
    pause = threading.Event()
    while not holds():  # type: ignore[operator]
        if time.monotonic() > give_up_s:
            return False
        pause.wait(0.002)
    return True
