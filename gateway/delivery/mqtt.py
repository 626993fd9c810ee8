"""MQTT to one broker, 5 or 3.1.1, kept up for ever: the only file of this room that knows paho.

Every attempt is a new paho client, so nothing of a broken connection leaks into the next: no half packet,
no old message ids, no certificate read a month ago. What was not acknowledged is the outbox's business, not
paho's. One thread, "paho", does all network I/O. Callbacks hand values to `sink` and return; `publish` may be
called from one other thread.
"""

from __future__ import annotations

import queue
import ssl
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random

from paho.mqtt.client import Client, DisconnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.delivery.backoff import Backoff
from gateway.delivery.broker_link import (
    Acknowledged,
    AnswerTo,
    BrokerOptions,
    Heard,
    LinkPhase,
    LinkState,
    NotSent,
    Token,
)

LOOP_S = 0.5
GOODBYE_S = 2.0
BACK_WITHIN_S = 5.0
CONNECTING_S = 300.0
"""Names that nobody resolves, addresses that nobody answers, one after the other: no sign of a deadlock."""
MOST_WAITING = 256  # a bound for paho's own memory; the publisher stays far below
_BAD_LOGIN = {0x86, 0x87, 0x8A, 0x8C}
# How a parser trips over a peer that is no MQTT broker.
_NONSENSE = (ValueError, IndexError, KeyError, struct.error)

Sink = Callable[[LinkState | Acknowledged | Heard], None]


@dataclass(slots=True)
class _Attempt:
    """What the callbacks of one paho client saw."""

    generation: int
    connected_at_s: float | None = None
    state: LinkState | None = None
    refusal: int | None = None
    detail: str = ""
    over: bool = False


@dataclass(frozen=True, slots=True)
class _Live:
    client: Client = field(repr=False)
    generation: int
    maximum_packet_size: int


class MqttLink:
    """start() it; it reports to `sink` from its own thread until stop()."""

    def __init__(
        self,
        options: BrokerOptions,
        sink: Sink,
        on_fatal: Callable[[str, BaseException], None],
        random: Random | None = None,
        beat: Callable[[float], None] = lambda within_s: None,
    ) -> None:
        """beat: told about twice a second that the thread lives, and by when it is to be back."""
        self._beat = beat
        self._options = options
        self._sink = sink
        self._on_fatal = on_fatal
        self._backoff = Backoff(options.backoff, random or Random())
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"paho:{options.path}", daemon=True)
        self._live: _Live | None = None
        self._generation = 0
        self._drop_because: str | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline_s: float = 5.0) -> bool:
        """Say goodbye to the broker, so that it publishes no last will; whether the thread ended."""
        self._stopping.set()
        live = self._live
        if live is not None:
            live.client.disconnect()
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def drop(self, because: str) -> None:
        """Give up this connection, for instance because the broker went silent; the next one follows."""
        self._drop_because = because

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int,
        retain: bool,
        generation: int,
        answer_to: AnswerTo | None = None,
    ) -> Token | NotSent:
        """Hand one message to the connection of this generation, and to no later one.

        Raises ValueError for a topic that cannot be published to.
        """
        live = self._live
        if live is None or live.generation != generation:
            return NotSent.OFFLINE
        if len(topic.encode()) + len(payload) + 16 > live.maximum_packet_size:
            return NotSent.TOO_LARGE
        properties = _publish_properties(answer_to) if answer_to and self._options.mqtt5 else None
        info = live.client.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return NotSent.OFFLINE
        return Token(live.generation, info.mid, self._options.path)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._connect_once()
            self._report(LinkPhase.STOPPED)
        except Exception as problem:  # noqa: BLE001 - a thread's top: nobody else would see it
            self._on_fatal(self._thread.name, problem)

    def _connect_once(self) -> None:
        """One connection from first to last byte, then the wait before the next."""
        self._generation += 1
        self._drop_because = None
        attempt = _Attempt(self._generation)
        self._report(LinkPhase.CONNECTING)
        phase, detail = self._hold(attempt)
        self._live = None
        if self._stopping.is_set():
            return
        held_s = 0.0 if attempt.connected_at_s is None else time.monotonic() - attempt.connected_at_s
        delay_s = self._backoff.next_delay_s(held_s)
        self._report(phase, detail=detail, retry_in_s=delay_s)
        again_s = time.monotonic() + delay_s
        while not self._stopping.wait(min(LOOP_S, max(0.0, again_s - time.monotonic()))):
            self._beat(BACK_WITHIN_S)
            if time.monotonic() >= again_s:
                return

    def _hold(self, attempt: _Attempt) -> tuple[LinkPhase, str]:
        """Connect and stay connected; why it ended."""
        options = self._options
        self._beat(CONNECTING_S)
        try:
            client = _client(options)
        except OSError as problem:
            return LinkPhase.UNTRUSTED, str(problem)
        client.on_connect = lambda c, _u, _f, code, given: self._answered(c, attempt, code, given)
        client.on_disconnect = lambda _c, _u, flags, code, _p: _ended(attempt, flags, code)
        client.on_publish = lambda _c, _u, mid, code, _p: self._acknowledged(attempt, mid, code)
        client.on_subscribe = lambda c, _u, _m, codes, _p: self._subscribed(c, attempt, codes)
        client.on_message = lambda _c, _u, message: self._heard(message)
        try:
            if options.mqtt5:
                client.connect(
                    options.host,
                    options.port,
                    options.keep_alive_s,
                    clean_start=options.session_expiry_s == 0,
                    properties=_connect_properties(options),
                )
            else:
                client.connect(options.host, options.port, options.keep_alive_s)
            return self._serve(client, attempt)
        except ssl.SSLError as problem:
            return LinkPhase.UNTRUSTED, problem.reason or str(problem)
        except OSError as problem:
            return LinkPhase.UNREACHABLE, problem.strerror or str(problem)
        except _NONSENSE as problem:
            return LinkPhase.REFUSED, f"unexpected answer: {problem}"
        finally:
            socket = client.socket()
            if socket is not None:
                socket.close()

    def _serve(self, client: Client, attempt: _Attempt) -> tuple[LinkPhase, str]:
        answer_by_s = time.monotonic() + self._options.answer_s
        goodbye_by_s: float | None = None
        while not attempt.over:
            self._beat(BACK_WITHIN_S)
            if self._drop_because is not None:
                return LinkPhase.LOST, self._drop_because
            now_s = time.monotonic()
            if self._stopping.is_set():
                if goodbye_by_s is None:
                    goodbye_by_s = now_s + GOODBYE_S
                    client.disconnect()
                elif now_s > goodbye_by_s:
                    break
            if attempt.connected_at_s is None and now_s > answer_by_s:
                return LinkPhase.UNREACHABLE, f"no answer in {self._options.answer_s:g} s"
            if client.loop(LOOP_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        return _verdict(attempt)

    def _answered(
        self, client: Client, attempt: _Attempt, code: ReasonCode, given: Properties | None
    ) -> None:
        if code.is_failure:
            attempt.refusal = int(code.value)
            attempt.detail = str(code)
            return
        attempt.state = LinkState(
            LinkPhase.CONNECTED,
            attempt.generation,
            self._options.where,
            receive_maximum=_given(given, "ReceiveMaximum", 0xFFFF),
            maximum_packet_size=_given(given, "MaximumPacketSize", 0x0FFF_FFFF),
            path=self._options.path,
        )
        topics = (*self._options.listen_to, *self._options.listen_also)
        if topics:
            client.subscribe([(topic, 1) for topic in topics])
        else:
            self._subscribed(client, attempt, [])

    def _subscribed(self, client: Client, attempt: _Attempt, codes: list[ReasonCode]) -> None:
        """Only now it counts as connected: what is sent from here on can be answered."""
        assert attempt.state is not None
        needed = len(self._options.listen_to)
        refused = next((code for code in codes[:needed] if code.is_failure), None)
        unheard = next((code for code in codes[needed:] if code.is_failure), None)
        attempt.connected_at_s = time.monotonic()
        self._live = _Live(client, attempt.generation, attempt.state.maximum_packet_size)
        detail = "" if unheard is None else f"neighbours are not heard: {unheard}"
        detail = detail if refused is None else f"receipts are refused: {refused}"
        self._sink(replace(attempt.state, hears=refused is None, detail=detail))

    def _heard(self, message: MQTTMessage) -> None:
        self._sink(Heard(self._options.path, message.topic, bytes(message.payload), message.retain))

    def _acknowledged(self, attempt: _Attempt, message_id: int, code: ReasonCode) -> None:
        token = Token(attempt.generation, message_id, self._options.path)
        self._sink(Acknowledged(token, int(code.value)))

    def _report(self, phase: LinkPhase, *, detail: str = "", retry_in_s: float | None = None) -> None:
        where, path = self._options.where, self._options.path
        state = LinkState(phase, self._generation, where, detail=detail, retry_in_s=retry_in_s, path=path)
        self._sink(state)


def _client(options: BrokerOptions) -> Client:
    """A fresh paho client. Raises OSError (ssl.SSLError among them) for TLS files that cannot be used."""
    client = Client(
        CallbackAPIVersion.VERSION2,
        options.client_id,
        clean_session=None if options.mqtt5 else options.session_expiry_s == 0,
        protocol=MQTTv5 if options.mqtt5 else MQTTv311,
        reconnect_on_failure=False,
    )
    client.connect_timeout = options.answer_s
    client.max_inflight_messages_set(0)  # no limit here: the publisher keeps to the broker's
    client.max_queued_messages_set(MOST_WAITING)
    # With this set, publish() only queues and wakes the loop; without, it would write to the socket itself,
    # from the caller's thread, and two writers can cut each other's packets in half.
    client.on_socket_register_write = lambda *_: None
    if options.username is not None:
        password = options.password.reveal() if options.password is not None else None
        client.username_pw_set(options.username, password)
    if options.tls is not None:
        context = ssl.create_default_context(cafile=options.tls.ca)
        if options.tls.cert is not None:
            # An empty pass phrase, so that an encrypted key is an error and not a question on the terminal.
            context.load_cert_chain(options.tls.cert, options.tls.key, password="")
        client.tls_set_context(context)
    if options.will is not None:
        properties = _will_properties(options.will_delay_s) if options.mqtt5 else None
        client.will_set(options.will.topic, options.will.payload, qos=1, retain=True, properties=properties)
    return client


def _connect_properties(options: BrokerOptions) -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = options.session_expiry_s
    return properties


def _will_properties(delay_s: int) -> Properties:
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]
    properties.WillDelayInterval = delay_s
    return properties


def _publish_properties(answer_to: AnswerTo) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ResponseTopic = answer_to.topic
    properties.CorrelationData = answer_to.correlation
    return properties


def _given(properties: Properties | None, name: str, otherwise: int) -> int:
    """A number the broker gave in its CONNACK."""
    return int(getattr(properties, name, otherwise))


def _ended(attempt: _Attempt, flags: DisconnectFlags, code: ReasonCode) -> None:
    attempt.over = True
    if not attempt.detail:
        who = "the broker says: " if flags.is_disconnect_packet_from_server else ""
        attempt.detail = f"{who}{code}"


def _verdict(attempt: _Attempt) -> tuple[LinkPhase, str]:
    if attempt.refusal is not None:
        known = attempt.refusal in _BAD_LOGIN
        return LinkPhase.UNAUTHORISED if known else LinkPhase.REFUSED, attempt.detail
    if attempt.connected_at_s is None:
        return LinkPhase.REFUSED, "it closed the connection before it answered"
    return LinkPhase.LOST, attempt.detail


def probe(options: BrokerOptions, deadline_s: float) -> LinkState:
    """One connection to see whether the broker lets us in: its first decisive state.

    Under a client id of its own and without last will, so that a running gateway is not thrown out.
    """
    told: queue.SimpleQueue[LinkState] = queue.SimpleQueue()

    def sink(event: LinkState | Acknowledged | Heard) -> None:
        if isinstance(event, LinkState) and event.phase is not LinkPhase.CONNECTING:
            told.put(event)

    own = replace(
        options,
        client_id=f"{options.client_id}-check",
        will=None,
        session_expiry_s=0,
        listen_to=(),
        listen_also=(),
    )
    link = MqttLink(own, sink, on_fatal=lambda _name, problem: told.put(_broken(options, problem)))
    link.start()
    try:
        return told.get(timeout=deadline_s)
    except queue.Empty:
        return LinkState(LinkPhase.UNREACHABLE, 0, options.where, detail=f"no answer in {deadline_s:g} s")
    finally:
        link.stop()


def _broken(options: BrokerOptions, problem: BaseException) -> LinkState:
    return LinkState(LinkPhase.REFUSED, 0, options.where, detail=f"unexpected: {problem!r}")
