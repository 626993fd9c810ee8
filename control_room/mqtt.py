"""One line to a broker, MQTT 5 or 3.1.1: subscribe and stay subscribed, publish, acknowledge by hand.

The only paho import of this room. One thread per line does all network I/O and calls the handlers. Every
attempt is a new paho client, so that nothing of a broken connection leaks into the next. `publish` and
`acknowledge` may be called from one other thread.
"""

from __future__ import annotations

import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, TypeVar

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from control_room.broker_address import BrokerAddress
from control_room.line import LinePhase, LineState, Message, Patience, Sent, Session, Taken

__all__ = ["Line", "LinePhase", "LineState", "Message", "Patience", "Sent", "Session", "Taken"]

ANSWER_S = 10.0
KEEP_ALIVE_S = 10
LOOP_S = 0.25
MOST_UNACKNOWLEDGED = 200  # messages a broker may have under way to us when we acknowledge by hand (MQTT 5)
MOST_BYTES = 1 << 20  # of one message (MQTT 5: the broker keeps a larger one to itself)
MOST_WAITING = 1000  # of ours, in paho's memory
_BAD_LOGIN = {0x86, 0x87, 0x8A, 0x8C}
# How a parser trips over a peer that is no MQTT broker.
_NONSENSE = (ValueError, IndexError, KeyError, struct.error)
_Told = TypeVar("_Told")
Handler = Callable[[Message], bool | None]


@dataclass(frozen=True, slots=True)
class _Live:
    client: Client
    generation: int


class Line:
    """start() it; the handlers are called on its own thread until stop()."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        topics: Sequence[tuple[str, int]],
        on_message: Handler,
        on_state: Callable[[LineState], object],
        on_fatal: Callable[[BaseException], None],
        *,
        optional: Sequence[tuple[str, int]] = (),
        on_taken: Callable[[Taken], object] | None = None,
        by_hand: bool = False,
        path: str = "",
        session: Session | None = None,
        patience: Patience | None = None,
    ) -> None:
        """topics: filters with their QoS; optional: those whose refusal does not matter.

        on_fatal: told what a handler raised; the line has ended then.

        by_hand: the broker is told that we have a message by acknowledge() alone, not when on_message
        returns; on_message may then return False (no room): the connection is given up, so that the broker
        sends it again.
        """
        self._address = address
        self._client_id = client_id
        self._topics = list(topics)
        self._optional = list(optional)
        self._on_message = on_message
        self._on_state = on_state
        self._on_fatal = on_fatal
        self._on_taken = on_taken
        self._by_hand = by_hand
        self._path = path
        self._session = session or Session()
        self._contact_s = self._session.contact_s
        self._patience = patience or Patience()
        self._random = Random()
        self._broken: BaseException | None = None
        self._live: _Live | None = None
        self._generation = 0
        self._stopping = threading.Event()
        self._dropped: str | None = None  # why this connection is given up
        self._begin_anew = False
        name = f"control-room:{path}" if path else "control-room"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def where(self) -> str:
        return self._address.where

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline_s: float = 5.0) -> bool:
        """Say goodbye to the broker; whether the thread ended."""
        self._stopping.set()
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def drop(self) -> None:
        """Give up this connection; the next one goes on where it was."""
        self._dropped = "nothing is heard of any gateway: is this line alive?"

    def renew(self) -> None:
        """Give up this connection and what the broker keeps for us; the next one begins anew."""
        self._begin_anew = True
        self._dropped = "nothing but heartbeats came: the session is begun anew"

    def publish(self, topic: str, payload: bytes, generation: int) -> Sent | None:
        """Hand one message (QoS 1) to the connection of this generation; None: it was not taken.

        Raises ValueError for a topic that cannot be published to.
        """
        live = self._live
        if live is None or live.generation != generation:
            return None
        info = live.client.publish(topic, payload, qos=1)
        taken = info.rc == MQTTErrorCode.MQTT_ERR_SUCCESS
        return Sent(self._path, generation, info.mid) if taken else None

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that we have these, in the order in which they came.

        Those of an earlier connection are left out: the broker sends them again, under ids of its own choice.
        """
        live = self._live
        for message in messages:
            if live is not None and message.message_id and message.generation == live.generation:
                live.client.ack(message.message_id, 1)

    def _run(self) -> None:
        self._keep_up()
        if self._broken is not None:
            self._on_fatal(self._broken)

    def _keep_up(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._generation += 1
            self._dropped = None
            attempt = _Attempt(self._generation)
            phase, detail = self._hold(attempt)
            self._live = None
            if self._stopping.is_set():
                return
            # Only a connection that held for a while counts: a broker may let in and throw out at once.
            failures = 0 if attempt.held_s() > self._patience.most_s else failures
            delay_s = self._patience.delay_s(failures, self._random)
            if self._dropped is not None and failures == 0:
                delay_s = 0.0  # given up by ourselves: nobody refuses us
            failures += 1
            self._state(phase, detail, delay_s)
            self._stopping.wait(delay_s)

    def _hold(self, attempt: _Attempt) -> tuple[LinePhase, str]:
        """Connect, subscribe, receive until it breaks; why it broke."""
        client: Client | None = None
        try:
            client = self._client(clean_session=not self._session.kept)
            self._listen(client, attempt)
            fresh = self._begin_anew or self._session.is_stale(self._contact_s, time.monotonic())
            if fresh and not self._address.mqtt5:
                self._end_old_session()
            self._connect(client, fresh)
            return self._serve(client, attempt)
        except ssl.SSLError as problem:
            return LinePhase.UNTRUSTED, problem.reason or str(problem)
        except OSError as problem:
            phase = LinePhase.UNREACHABLE if client is not None else LinePhase.UNTRUSTED
            return phase, problem.strerror or str(problem)
        except _NONSENSE as problem:
            return LinePhase.REFUSED, f"unexpected answer: {problem}"
        finally:
            _close(client)

    def _listen(self, client: Client, attempt: _Attempt) -> None:
        client.on_connect = lambda c, _u, _f, code, _p: self._answered(c, attempt, code)
        client.on_subscribe = lambda c, _u, _m, codes, _p: self._subscribed(c, attempt, codes)
        client.on_disconnect = lambda _c, _u, _f, code, _p: attempt.ended(str(code))
        client.on_message = lambda _c, _u, message: self._received(attempt, message)
        if self._on_taken is not None:
            client.on_publish = lambda _c, _u, mid, code, _p: self._taken(attempt, mid, code)

    def _connect(self, client: Client, fresh: bool) -> None:
        address = self._address
        if not address.mqtt5:
            client.connect(address.host, address.port, KEEP_ALIVE_S)
            return
        properties = _expiry(PacketTypes.CONNECT, self._session.expiry_s)
        properties.MaximumPacketSize = MOST_BYTES
        if self._by_hand:
            properties.ReceiveMaximum = MOST_UNACKNOWLEDGED
        client.connect(address.host, address.port, KEEP_ALIVE_S, clean_start=fresh, properties=properties)

    def _serve(self, client: Client, attempt: _Attempt) -> tuple[LinePhase, str]:
        answer_by_s = time.monotonic() + ANSWER_S
        while not attempt.over:
            if self._dropped is not None:
                return LinePhase.LOST, self._dropped
            if self._stopping.is_set():
                self._goodbye(client)
            if attempt.since_s is None and time.monotonic() > answer_by_s:
                return LinePhase.UNREACHABLE, f"no answer in {ANSWER_S:g} s"
            if client.loop(LOOP_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
            if attempt.since_s is not None:
                self._contact_s = time.monotonic()
        return attempt.verdict()

    def _goodbye(self, client: Client) -> None:
        if self._address.mqtt5:
            left_s = self._session.expiry_s if self._session.kept else 0
            client.disconnect(properties=_expiry(PacketTypes.DISCONNECT, left_s))
        else:
            client.disconnect()

    def _end_old_session(self) -> None:
        """MQTT 3.1.1 can only begin anew by a connection of its own that keeps nothing."""
        client = self._client(clean_session=True)
        over = threading.Event()
        client.on_connect = lambda c, *_: c.disconnect()
        client.on_disconnect = lambda *_: over.set()
        answer_by_s = time.monotonic() + ANSWER_S
        try:
            client.connect(self._address.host, self._address.port, KEEP_ALIVE_S)
            while not over.is_set() and time.monotonic() < answer_by_s:
                if client.loop(LOOP_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                    break
        finally:
            _close(client)

    def _client(self, *, clean_session: bool) -> Client:
        """A fresh paho client. Raises OSError (ssl.SSLError among them) for TLS files that cannot be used."""
        address = self._address
        client = Client(
            CallbackAPIVersion.VERSION2,
            self._client_id,
            clean_session=None if address.mqtt5 else clean_session,
            protocol=MQTTv5 if address.mqtt5 else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=self._by_hand,
        )
        client.connect_timeout = ANSWER_S
        client.max_queued_messages_set(MOST_WAITING)
        # With this set, publish() and ack() only queue and wake the loop; without, they would write to the
        # socket themselves, from the caller's thread, and two writers can cut each other's packets in half.
        client.on_socket_register_write = lambda *_: None
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            context = ssl.create_default_context(cafile=address.ca)
            if address.cert is not None:
                # An empty pass phrase, so that an encrypted key is an error, not a question on the terminal.
                context.load_cert_chain(address.cert, address.key, password="")
            client.tls_set_context(context)
        return client

    def _answered(self, client: Client, attempt: _Attempt, code: ReasonCode) -> None:
        if code.is_failure:
            attempt.refused(int(code.value), str(code))
            return
        # From here on: a kept session brings messages before the broker has answered our subscription.
        self._live = _Live(client, attempt.generation)
        self._begin_anew = False
        client.subscribe(list(self._topics))

    def _subscribed(self, client: Client, attempt: _Attempt, codes: list[ReasonCode]) -> None:
        if self._optional and attempt.subscribed:
            codes = []  # the answer to those whose refusal does not matter
        refusal = next((code for code in codes if code.is_failure), None)
        if refusal is not None:
            attempt.refused(int(refusal.value), f"subscription: {refusal}")
            attempt.over = True
            return
        if self._optional and not attempt.subscribed:
            attempt.subscribed = True
            client.subscribe(self._optional)
            return
        attempt.since_s = self._contact_s = time.monotonic()
        self._state(LinePhase.CONNECTED)

    def _received(self, attempt: _Attempt, message: MQTTMessage) -> None:
        message_id = message.mid if message.qos and self._by_hand else 0
        told = Message(
            message.topic, bytes(message.payload), message.retain, self._path, attempt.generation, message_id
        )
        if self._tell(self._on_message, told) is False:
            attempt.ended("too much at once: it is asked for again")

    def _taken(self, attempt: _Attempt, message_id: int, code: ReasonCode) -> None:
        assert self._on_taken is not None
        self._tell(self._on_taken, Taken(Sent(self._path, attempt.generation, message_id), int(code.value)))

    def _state(self, phase: LinePhase, detail: str = "", retry_in_s: float | None = None) -> None:
        where, generation = self._address.where, self._generation
        self._tell(self._on_state, LineState(phase, where, detail, retry_in_s, generation, self._path))

    def _tell(self, handler: Callable[[_Told], object], told: _Told) -> object:
        """Call a handler; what it raises ends the line and is not mistaken for an answer of the broker."""
        if self._broken is not None:
            return None
        try:
            return handler(told)
        except Exception as problem:  # noqa: BLE001 - a thread's top; the handler is not ours
            self._broken = problem
            self._stopping.set()
            return None


class _Attempt:
    """What became of one connection."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.since_s: float | None = None
        self.over = False
        self.subscribed = False
        self._refusal: int | None = None
        self._detail = ""

    def held_s(self) -> float:
        return 0.0 if self.since_s is None else time.monotonic() - self.since_s

    def refused(self, code: int, detail: str) -> None:
        self._refusal, self._detail = code, detail

    def ended(self, detail: str) -> None:
        self.over = True
        self._detail = self._detail or detail

    def verdict(self) -> tuple[LinePhase, str]:
        if self._refusal is not None:
            known = self._refusal in _BAD_LOGIN
            return LinePhase.UNAUTHORISED if known else LinePhase.REFUSED, self._detail
        if self.since_s is None:
            return LinePhase.REFUSED, "it closed the connection before it answered"
        return LinePhase.LOST, self._detail


def _expiry(packet: int, session_expiry_s: int) -> Any:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    return properties


def _close(client: Client | None) -> None:
    socket = client.socket() if client is not None else None
    if socket is not None:
        socket.close()
