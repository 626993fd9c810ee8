"""The receiving end of the broker: subscribe and stay subscribed. The only paho import of this room.

One thread does all of it, and calls the handler for each message. A handler that is slow slows the broker, it
does not lose messages: the broker keeps them for the session, also over a short break of the line.
"""

from __future__ import annotations

import ssl
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any, TypeVar

from paho.mqtt.client import Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from control_room.broker_address import BrokerAddress

ANSWER_S = 10.0
KEEP_ALIVE_S = 15
LOOP_S = 0.25
_BAD_LOGIN = {0x86, 0x87, 0x8A, 0x8C}
# How a parser trips over a peer that is no MQTT broker.
_NONSENSE = (ValueError, IndexError, KeyError, struct.error)
_Told = TypeVar("_Told")


class LinePhase(Enum):
    """The value is the key of its text."""

    CONNECTED = "connected"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class LineState:
    """How the line to the broker stands. retry_in_s: None while it is connected."""

    phase: LinePhase
    where: str
    detail: str = ""
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """retained: the broker had stored it; it is not news."""

    topic: str
    payload: bytes
    retained: bool


@dataclass(frozen=True, slots=True)
class Patience:
    """Delays between attempts: from first_s, doubling to most_s, +- jitter (0..1)."""

    first_s: float = 1.0
    most_s: float = 30.0
    jitter: float = 0.3

    def delay_s(self, failures: int, random: Random) -> float:
        base_s = min(self.most_s, self.first_s * 2.0 ** min(failures, 30))
        return base_s * random.uniform(1.0 - self.jitter, 1.0 + self.jitter)


class Line:
    """start() it; `on_message` and `on_state` are called on its own thread until stop()."""

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        topics: Sequence[str],
        on_message: Callable[[Message], None],
        on_state: Callable[[LineState], None],
        on_fatal: Callable[[BaseException], None],
        *,
        session_expiry_s: int = 300,
        keep_session: bool = False,
        patience: Patience | None = None,
    ) -> None:
        """on_fatal: told what one of the other two raised; the line has ended then.

        session_expiry_s: how long the broker keeps messages for us while the line is broken. keep_session: it
        keeps them as long after stop() too; otherwise the goodbye ends the session.
        """
        self._address = address
        self._client_id = client_id
        self._topics = [(topic, 1) for topic in topics]
        self._on_message = on_message
        self._on_state = on_state
        self._on_fatal = on_fatal
        self._broken: BaseException | None = None
        self._session_expiry_s = session_expiry_s
        self._expiry_after_goodbye_s = session_expiry_s if keep_session else 0
        self._patience = patience or Patience()
        self._random = Random()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control-room", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline_s: float = 5.0) -> bool:
        """Say goodbye to the broker; whether the thread ended."""
        self._stopping.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        self._keep_up()
        if self._broken is not None:
            self._on_fatal(self._broken)

    def _keep_up(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            attempt = _Attempt()
            phase, detail = self._hold(attempt)
            if self._stopping.is_set():
                return
            # Only a connection that held for a while counts: a broker may let in and throw out at once.
            failures = 0 if attempt.held_s() > self._patience.most_s else failures
            delay_s = self._patience.delay_s(failures, self._random)
            failures += 1
            self._tell(self._on_state, LineState(phase, self._address.where, detail, delay_s))
            self._stopping.wait(delay_s)

    def _hold(self, attempt: _Attempt) -> tuple[LinePhase, str]:
        """Connect, subscribe, receive until it breaks; why it broke."""
        try:
            client = self._client()
        except OSError as problem:
            return LinePhase.UNTRUSTED, str(problem)
        client.on_connect = lambda c, _u, _f, code, _p: self._answered(c, attempt, code)
        client.on_subscribe = lambda _c, _u, _m, codes, _p: self._subscribed(attempt, codes)
        client.on_disconnect = lambda _c, _u, _f, code, _p: attempt.ended(str(code))
        client.on_message = lambda _c, _u, message: self._received(message)
        try:
            properties = _properties(PacketTypes.CONNECT, self._session_expiry_s)
            client.connect(
                self._address.host, self._address.port, KEEP_ALIVE_S, clean_start=False, properties=properties
            )
            return self._serve(client, attempt)
        except ssl.SSLError as problem:
            return LinePhase.UNTRUSTED, problem.reason or str(problem)
        except OSError as problem:
            return LinePhase.UNREACHABLE, problem.strerror or str(problem)
        except _NONSENSE as problem:
            return LinePhase.REFUSED, f"unexpected answer: {problem}"
        finally:
            socket = client.socket()
            if socket is not None:
                socket.close()

    def _serve(self, client: Client, attempt: _Attempt) -> tuple[LinePhase, str]:
        answer_by_s = time.monotonic() + ANSWER_S
        while not attempt.over:
            if self._stopping.is_set():
                client.disconnect(
                    properties=_properties(PacketTypes.DISCONNECT, self._expiry_after_goodbye_s)
                )
            if attempt.since_s is None and time.monotonic() > answer_by_s:
                return LinePhase.UNREACHABLE, f"no answer in {ANSWER_S:g} s"
            if client.loop(LOOP_S) != MQTTErrorCode.MQTT_ERR_SUCCESS:
                break
        return attempt.verdict()

    def _client(self) -> Client:
        address = self._address
        client = Client(
            CallbackAPIVersion.VERSION2, self._client_id, protocol=MQTTv5, reconnect_on_failure=False
        )
        client.connect_timeout = ANSWER_S
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            context = ssl.create_default_context(cafile=address.ca)
            if address.cert is not None:
                context.load_cert_chain(address.cert, address.key, password="")
            client.tls_set_context(context)
        return client

    def _answered(self, client: Client, attempt: _Attempt, code: ReasonCode) -> None:
        if code.is_failure:
            attempt.refused(int(code.value), str(code))
        else:
            client.subscribe(self._topics)

    def _subscribed(self, attempt: _Attempt, codes: list[ReasonCode]) -> None:
        refusal = next((code for code in codes if code.is_failure), None)
        if refusal is not None:
            attempt.refused(int(refusal.value), f"subscription: {refusal}")
            attempt.over = True
            return
        attempt.since_s = time.monotonic()
        self._tell(self._on_state, LineState(LinePhase.CONNECTED, self._address.where))

    def _received(self, message: MQTTMessage) -> None:
        self._tell(self._on_message, Message(message.topic, bytes(message.payload), message.retain))

    def _tell(self, handler: Callable[[_Told], None], told: _Told) -> None:
        """Call a handler; what it raises ends the line and is not mistaken for an answer of the broker."""
        if self._broken is not None:
            return
        try:
            handler(told)
        except Exception as problem:  # noqa: BLE001 - a thread's top; the handler is not ours
            self._broken = problem
            self._stopping.set()


class _Attempt:
    """What became of one connection."""

    def __init__(self) -> None:
        self.since_s: float | None = None
        self.over = False
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


def _properties(packet: int, session_expiry_s: int) -> Any:
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_expiry_s
    return properties
