"""A TCP proxy that knows where MQTT packets begin and end, on one thread for all its gates.

A gate stands between one client and one broker. It can delay, slow, hold or swallow what passes, refuse and
reset connections, leave one side open, cut a packet in half, and act at a named point: when a given packet
passes, before or after it is passed on. What it cannot read as MQTT (TLS) passes as plain bytes.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.chaos.packets import Kind, NotMqttError, Packet, PacketSplitter, label_of
from tests.chaos.points import PASS, Point, Treatment, Way, When

HOST = "127.0.0.1"
_READ_BYTES = 65536
_PATIENCE_S = 30.0
_RESET = struct.pack("ii", 1, 0)

Act = Callable[[Packet], None]


@dataclass(slots=True)
class Armed:
    """A point that waits for its packet. fired: set once the action was done."""

    point: Point
    act: Act
    lag_s: float = 0.0
    left: int = 0
    fired: threading.Event = field(default_factory=threading.Event)


class Stream:
    """One direction of one connection."""

    def __init__(self, way: Way, source: socket.socket, sink: socket.socket, opaque: bool) -> None:
        self.way, self.source, self.sink = way, source, sink
        self.splitter = None if opaque else PacketSplitter()
        self.queue: deque[tuple[float, bytes]] = deque()
        self.sending = bytearray()
        self.last_due_s = 0.0


@dataclass(slots=True)
class Pair:
    """One connection through a gate. published: packet id -> label of the PUBLISH, of each way."""

    up: Stream
    down: Stream
    let_in: bool = False
    half_open: bool = False
    closed: bool = False
    published: dict[tuple[Way, int], str] = field(default_factory=dict)

    @property
    def streams(self) -> tuple[Stream, Stream]:
        return self.up, self.down


class Pump:
    """The thread. Commands of other threads run on it, one at a time."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self.selector.register(self._ours, selectors.EVENT_READ, self._woken)
        self._commands: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._gates: list[Gate] = []
        self._stopping = False
        self.failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="gates", daemon=True)
        self._thread.start()

    def gate(self, name: str, target: tuple[str, int], *, opaque: bool = False) -> Gate:
        gate = Gate(self, name, target, opaque=opaque)
        self.call(lambda: self._gates.append(gate))
        gate.listen()
        return gate

    def call(self, command: Callable[[], None]) -> None:
        """Run it on the thread and wait until it is done."""
        if threading.current_thread() is self._thread:
            command()
            return
        done = threading.Event()
        self._commands.append((command, done))
        self._theirs.send(b".")
        assert done.wait(_PATIENCE_S), f"the gates do not answer: {self.failure!r}"

    def later(self, delay_s: float, act: Callable[[], None]) -> None:
        """Only on the thread itself."""
        self._timers.append((time.monotonic() + delay_s, act))

    def close(self) -> None:
        for gate in list(self._gates):
            gate.refuse()
        self._stopping = True
        self._theirs.send(b".")
        self._thread.join(_PATIENCE_S)
        self._ours.close()
        self._theirs.close()
        self.selector.close()

    def _run(self) -> None:
        try:
            while not self._stopping:
                for key, _mask in self.selector.select(self._wait_s()):
                    key.data()
                self._work()
        except BaseException as problem:
            self.failure = problem
            raise

    def _work(self) -> None:
        now_s = time.monotonic()
        due = [timer for timer in self._timers if timer[0] <= now_s]
        self._timers = [timer for timer in self._timers if timer[0] > now_s]
        for _due_s, act in due:
            act()
        while self._commands:
            command, done = self._commands.popleft()
            command()
            self._work_gates()  # whoever asked sees what it led to
            done.set()
        self._work_gates()

    def _work_gates(self) -> None:
        for gate in self._gates:
            gate.work(time.monotonic())

    def _wait_s(self) -> float:
        due = [timer[0] for timer in self._timers]
        due += [due_s for gate in self._gates if (due_s := gate.next_due_s()) is not None]
        return max(0.0, min(due, default=time.monotonic() + 1.0) - time.monotonic())

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(4096)


class Gate:
    """Between one client and one broker; made by `Pump.gate`. history: (monotonic, alerts can pass)."""

    def __init__(self, pump: Pump, name: str, target: tuple[str, int], *, opaque: bool) -> None:
        self._pump = pump
        self.name = name
        self.target = target
        self._opaque = opaque
        self.port = 0
        self._server: socket.socket | None = None
        self._pairs: list[Pair] = []
        self._armed: list[Armed] = []
        self._treatments = {Way.UP: PASS, Way.DOWN: PASS}
        self._mute = False
        self._muted: list[socket.socket] = []
        self.passed: Counter[tuple[Way, Kind, str]] = Counter()
        self.connections = 0
        self.watch: Act = lambda packet: None
        """Told every packet of the client that is passed on, on the gates' thread."""
        self.history: list[tuple[float, bool]] = [(time.monotonic(), False)]

    # What others ask for.

    def listen(self) -> None:
        """Take connections (again), always on the same port."""
        self._pump.call(self._listen)

    def refuse(self) -> None:
        """Nobody listens here, and what was connected is reset."""
        self._pump.call(self._refuse)

    def stop_listening(self) -> None:
        """As refuse(), but what is connected stays so, until the other side goes."""
        self._pump.call(self._stop_listening)

    def reset(self) -> None:
        """RST to both sides of every connection; new ones are taken."""
        self._pump.call(self._drop_all)

    def treat(self, up: Treatment = PASS, down: Treatment = PASS) -> None:
        """From now on; what was held and is held no more goes at once."""
        self._pump.call(lambda: self._treat(up, down))

    def half_open(self) -> None:
        """The broker's side of every connection is closed, the client's side stays open and silent."""
        self._pump.call(self._open_all_half)

    def mute(self, is_mute: bool) -> None:
        """New connections are taken and never answered."""
        self._pump.call(lambda: setattr(self, "_mute", is_mute))
        if not is_mute:
            self.reset()

    def arm(self, point: Point, act: Act = lambda packet: None, lag_s: float = 0.0) -> Armed:
        """Do `act` when the point is reached, once; lag_s later if given (AFTER only)."""
        armed = Armed(point, act, lag_s, point.skip)
        self._pump.call(lambda: self._armed.append(armed))
        return armed

    def disarm(self) -> None:
        self._pump.call(self._armed.clear)

    def count(self, way: Way, kind: Kind, about: str = "") -> int:
        """How many such packets were passed on since the gate was made."""
        return self.passed[way, kind, about]

    @property
    def good(self) -> bool:
        """A connection is let in and whatever passes arrives in time."""
        return self.history[-1][1]

    # On the thread.

    def work(self, now_s: float) -> None:
        for pair in list(self._pairs):
            for stream in pair.streams:
                self._flush(pair, stream, now_s)
        harmless = all(treatment.harmless for treatment in self._treatments.values())
        good = harmless and any(pair.let_in and not (pair.half_open or pair.closed) for pair in self._pairs)
        if good != self.good:
            self.history.append((now_s, good))

    def next_due_s(self) -> float | None:
        due = [stream.queue[0][0] for pair in self._pairs for stream in pair.streams if stream.queue]
        return min((due_s for due_s in due if due_s < float("inf")), default=None)

    def _listen(self) -> None:
        if self._server is not None:
            return
        server = socket.create_server((HOST, self.port))
        server.setblocking(False)
        self.port = server.getsockname()[1]
        self._server = server
        self._pump.selector.register(server, selectors.EVENT_READ, self._accept)

    def _refuse(self) -> None:
        self._stop_listening()
        self._drop_all()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._pump.selector.unregister(self._server)
            self._server.close()
            self._server = None

    def _drop_all(self) -> None:
        for pair in list(self._pairs):
            self._drop(pair)
        for client in self._muted:
            _reset(client)
        self._muted.clear()

    def _open_all_half(self) -> None:
        for pair in list(self._pairs):
            self._open_half(pair)

    def _accept(self) -> None:
        assert self._server is not None
        try:
            client, _ = self._server.accept()
        except OSError:
            return
        self.connections += 1
        if self._mute:
            self._muted.append(client)
            return
        try:
            broker = socket.create_connection(self.target, timeout=1.0)
        except OSError:
            _reset(client)
            return
        for end in (client, broker):
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(
            Stream(Way.UP, client, broker, self._opaque), Stream(Way.DOWN, broker, client, self._opaque)
        )
        self._pairs.append(pair)
        for stream in pair.streams:
            self._pump.selector.register(
                stream.source, selectors.EVENT_READ, lambda stream=stream: self._read(pair, stream)
            )

    def _read(self, pair: Pair, stream: Stream) -> None:
        try:
            data = stream.source.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._drop(pair)
            return
        if not data:
            self._flush(pair, stream, time.monotonic())
            self._close(pair, politely=not pair.half_open)
            return
        if pair.half_open:
            return
        if stream.splitter is None:
            pair.let_in = pair.let_in or stream.way is Way.DOWN
            self._put(stream, data)
            return
        try:
            packets = stream.splitter.feed(data)
        except NotMqttError:
            stream.splitter = None
            self._put(stream, data)
            return
        for packet in packets:
            if not self._pass(pair, stream, packet):
                return

    def _pass(self, pair: Pair, stream: Stream, packet: Packet) -> bool:
        """Deal with one packet; False when the connection is over."""
        about = self._about(pair, stream.way, packet)
        armed = self._reached(stream.way, packet, about)
        if armed is not None and armed.point.when is not When.AFTER:
            armed.act(packet)
            if armed.point.when is When.MIDDLE:
                self._put(stream, packet.raw[: max(1, len(packet.raw) // 2)])
                self._flush(pair, stream, time.monotonic())
            self._drop(pair)
            armed.fired.set()
            return False
        treatment = self._treatments[stream.way]
        if packet.kind is Kind.PUBLISH and about in treatment.lost:
            return True
        self.passed[stream.way, packet.kind, about] += 1
        pair.let_in = pair.let_in or packet.accepted
        if stream.way is Way.UP:
            self.watch(packet)
        self._put(stream, packet.raw)
        if packet.kind is Kind.PUBLISH and about == "event":
            for _ in range(treatment.copies - 1):
                self._put(stream, packet.as_duplicate)
        if armed is not None:
            self._flush(pair, stream, time.monotonic())
            self._do(armed, packet)
        return not pair.closed

    def _do(self, armed: Armed, packet: Packet) -> None:
        def act() -> None:
            armed.act(packet)
            armed.fired.set()

        if armed.lag_s:
            self._pump.later(armed.lag_s, act)
        else:
            act()

    def _about(self, pair: Pair, way: Way, packet: Packet) -> str:
        if packet.kind is Kind.PUBLISH:
            about = label_of(packet.topic)
            if packet.qos:
                pair.published[way, packet.packet_id] = about
            return about
        if packet.kind is Kind.PUBACK:
            other = Way.DOWN if way is Way.UP else Way.UP
            return pair.published.pop((other, packet.packet_id), "")
        return ""

    def _reached(self, way: Way, packet: Packet, about: str) -> Armed | None:
        for armed in self._armed:
            if armed.point.fits(way, packet, about):
                if armed.left:
                    armed.left -= 1
                    continue
                self._armed.remove(armed)
                return armed
        return None

    def _put(self, stream: Stream, data: bytes) -> None:
        treatment = self._treatments[stream.way]
        if treatment.void:
            return
        stream.queue.append((self._due_s(stream, treatment), data))

    def _due_s(self, stream: Stream, treatment: Treatment) -> float:
        if treatment.hold:
            return float("inf")
        due_s = time.monotonic() + treatment.delay_s
        if treatment.every_s and stream.last_due_s:
            due_s = max(due_s, stream.last_due_s + treatment.every_s)
        stream.last_due_s = due_s
        return due_s

    def _treat(self, up: Treatment, down: Treatment) -> None:
        self._treatments = {Way.UP: up, Way.DOWN: down}
        for pair in self._pairs:
            for stream in pair.streams:
                stream.last_due_s = 0.0
                waiting = [data for _due_s, data in stream.queue]
                treatment = self._treatments[stream.way]
                stream.queue = deque((self._due_s(stream, treatment), data) for data in waiting)

    def _flush(self, pair: Pair, stream: Stream, now_s: float) -> None:
        while stream.queue and stream.queue[0][0] <= now_s:
            stream.sending += stream.queue.popleft()[1]
        while stream.sending and not pair.closed:
            try:
                sent = stream.sink.send(stream.sending)
            except BlockingIOError:
                # The other side takes no more; look again soon.
                self._pump.later(0.005, lambda: None)
                return
            except OSError:
                self._drop(pair)
                return
            del stream.sending[:sent]

    def _open_half(self, pair: Pair) -> None:
        pair.half_open = True
        self._forget(pair.down.source)
        pair.down.source.close()

    def _drop(self, pair: Pair) -> None:
        self._close(pair, politely=False)

    def _close(self, pair: Pair, *, politely: bool) -> None:
        """What still has to wait for its time is lost with it, as on a slow line."""
        if pair.closed:
            return
        pair.closed = True
        if pair in self._pairs:
            self._pairs.remove(pair)
        for end in (pair.up.source, pair.down.source):
            self._forget(end)
            if politely:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
            else:
                _reset(end)

    def _forget(self, end: socket.socket) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._pump.selector.unregister(end)


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        if end.family == socket.AF_INET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    end.close()
