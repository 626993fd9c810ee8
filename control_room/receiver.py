"""What a program of the control room builds on: every alert once, kept before it is confirmed.

def on_alert(arrival):
    print(arrival.alert.event_class, "RING" if arrival.rings else "")

with Receiver("mqtt://broker", name="meldkamer", store="meldkamer.db", on_alert=on_alert) as receiver:
    receiver.wait()
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from control_room.broker_address import BrokerAddress, parse_url
from control_room.changes import Change
from control_room.commitment import RINGS_WITHIN_S, Boot
from control_room.inbox import Inbox
from control_room.incidents import Incident
from control_room.incidents_view import IncidentsView
from control_room.ledger import Ledger
from control_room.ledger_file import SetAside
from control_room.line import LineState, Message, Patience, Sent, Session
from control_room.mqtt import Line
from control_room.notices import Arrival, Notice
from control_room.reception import Handlers, Part, Reception
from gateway.contract.topics import check_id, subscription
from gateway.contract.types import Alert

MOST_AT_ONCE = 200  # items taken together: one commit, and one receipt for each gateway among them
TICK_S = 0.25
SESSION_S = 72 * 3600
PATHS = ("primary", "backup")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
Address = str | BrokerAddress


@dataclass(frozen=True, slots=True)
class Scope:
    """Which gateways to hear; None for all."""

    site: str | None = None
    gateway: str | None = None


class Receiver:
    """start() it (or use `with`); handlers are called on its own thread until stop().

    A handler that raises ends the receiver: no receipt is given for what it raised on, `failure` says what it
    was, and the next start hands it over again.
    """

    def __init__(
        self,
        brokers: Address | Sequence[Address],
        name: str,
        store: str | Path | None,
        on_alert: Callable[[Arrival], None],
        *,
        on_notice: Callable[[Notice], None] = lambda notice: None,
        on_change: Callable[[Change, Message], None] = lambda change, message: None,
        on_line: Callable[[LineState], None] = lambda state: None,
        on_end: Callable[[BaseException | None], None] = lambda failure: None,
        scope: Scope | None = None,
        confirms: bool = True,
        patience: Patience | None = None,
    ) -> None:
        """brokers: one or two, the same alert may come by both. name: as in the gateways' settings.

        store: the file that remembers what came; None: memory only, which needs confirms=False, as a receipt
        is a promise to have it still. on_end: told once, with what a handler raised or None.
        Raises ValueError for a name, an id or an address that cannot be.
        """
        if store is None and confirms:
            raise ValueError("whoever gives receipts needs a store")
        addresses = [brokers] if isinstance(brokers, str | BrokerAddress) else list(brokers)
        if not 1 <= len(addresses) <= len(PATHS):
            raise ValueError(f"{len(addresses)} brokers: one or two")
        self._name = check_id(name, "name of the receiver")
        self._store = None if store is None else Path(store)
        self._handlers = Handlers(on_alert, on_notice, on_change, on_line)
        self._on_end = on_end
        self._confirms = confirms
        self._patience = patience
        self._scope = scope or Scope()
        _topics(self._scope, confirms)
        parsed = [parse_url(one) if isinstance(one, str) else one for one in addresses]
        self._addresses = dict(zip(PATHS, parsed, strict=False))
        self._inbox = Inbox()
        self._stopping = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._lines = _Lines()
        self._reception: Reception | None = None
        self._wishes: deque[Incident] = deque(maxlen=MOST_AT_ONCE)
        self._ledger: Ledger | None = None
        self.open_at_start: tuple[Alert, ...] = ()
        """What the store knows as open: shown before this start, in the state in which it was shown last."""
        self.failure: BaseException | None = None
        self.set_aside: SetAside | None = None

    @property
    def view(self) -> IncidentsView:
        """Gateways, sensors and faults as they are known; only for the handlers' thread."""
        assert self._reception is not None, "start() it first"
        return self._reception.states.view

    def start(self) -> None:
        """Open the store and begin. Raises LedgerError."""
        self._ledger = Ledger.open(self._store)
        try:
            self._reception = self._prepare(self._ledger, Boot(_boot_id()))
        except BaseException:
            self._ledger.close()
            raise
        self._thread.start()

    def _prepare(self, ledger: Ledger, boot: Boot) -> Reception:
        self.set_aside = ledger.set_aside
        self.open_at_start = tuple(ledger.open_events())
        for path, address in self._addresses.items():
            contact_s = ledger.last_contact(path, boot.boot_id)
            self._lines.all[path] = self._line(path, address, contact_s)
        # A 3.1.1 broker may throw out whoever asks for more than he has a right to: who only looks is mute.
        asks = self._confirms or all(address.mqtt5 for address in self._addresses.values())
        return Reception(
            Part(self._name, self._confirms, asks),
            ledger,
            self._lines,
            tuple(self._addresses),
            self._handlers,
            prefix=os.urandom(4).hex(),
            now_s=time.monotonic(),
            boot=boot,
        )

    def confirm(self, incident: Incident) -> None:
        """A person says that it is real: its gateways are told, and what they answer comes as a notice.

        From any thread. It takes a receiver that confirms alerts, under a name that the gateways know.
        """
        self._wishes.append(incident)

    def stop(self, deadline_s: float = 5.0) -> bool:
        """Say goodbye; whether everything ended. Nothing is handed over after that."""
        self._stopping.set()
        self._inbox.close()
        if threading.current_thread() is not self._thread and self._thread.ident is not None:
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def wait(self, deadline_s: float | None = None) -> bool:
        """Until it ends; False at the deadline. Raises what a handler raised."""
        over = self._ended.wait(deadline_s)
        if self.failure is not None:
            raise self.failure
        return over

    def __enter__(self) -> Receiver:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        assert self._ledger is not None
        try:
            self._receive()
        except Exception as problem:  # noqa: BLE001 - a thread's top; handlers are not ours
            self.failure = problem
        for line in self._lines.all.values():
            line.stop()
        self._ledger.close()
        self._ended.set()
        self._on_end(self.failure)

    def _receive(self) -> None:
        reception = self._reception
        assert reception is not None
        reception.begin(time.monotonic())
        for line in self._lines.all.values():
            line.start()
        next_tick_s = 0.0
        while not self._stopping.is_set():
            items = self._inbox.take(MOST_AT_ONCE, TICK_S)
            now_s = time.monotonic()
            for item in items:
                if isinstance(item, LineState):
                    self._lines.generations[item.path] = item.generation
            if items:
                reception.process(items, now_s)
            while self._wishes:
                reception.confirm(self._wishes.popleft())
            if now_s >= next_tick_s:
                next_tick_s = now_s + TICK_S
                reception.tick(now_s)

    def _line(self, path: str, address: BrokerAddress, contact_s: float | None) -> Line:
        required, optional = _topics(self._scope, self._confirms)
        session = Session()
        if self._confirms:
            session = Session(SESSION_S, kept=True, resume_within_s=RINGS_WITHIN_S, contact_s=contact_s)
        return Line(
            address,
            f"receive-{self._name}" if self._confirms else self._name,
            required,
            self._inbox.put,
            self._inbox.put,
            self._broken,
            optional=optional if address.mqtt5 else [],
            on_taken=self._inbox.put,
            by_hand=True,
            path=path,
            session=session,
            patience=self._patience,
        )

    def _broken(self, problem: BaseException) -> None:
        """A line's own failure; our handlers do not run on its thread."""
        self.failure = problem
        self._stopping.set()
        self._inbox.close()


class _Lines:
    """The lines by their paths. generations: of the connections that the reception knows of."""

    def __init__(self) -> None:
        self.all: dict[str, Line] = {}
        self.generations: dict[str, int] = {}

    def publish(self, path: str, topic: str, payload: bytes) -> Sent | None:
        return self.all[path].publish(topic, payload, self.generations.get(path, 0))

    def drop(self, path: str) -> None:
        self.all[path].drop()

    def renew(self, path: str) -> None:
        self.all[path].renew()

    def acknowledge(self, messages: Sequence[Message]) -> None:
        for path, line in self.all.items():
            line.acknowledge(message for message in messages if message.path == path)


def _topics(scope: Scope, confirms: bool) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Filters with their QoS: (needed, welcome). Raises ValueError for an id that no topic carries.

    Heartbeats and health with QoS 0: a broker must not queue them for us, they would crowd out alerts.
    """

    def filters(*wanted: tuple[str, int]) -> list[tuple[str, int]]:
        return [(subscription(scope.site, scope.gateway, rest), qos) for rest, qos in wanted]

    needed = filters(("event/+", 1), ("status", 1), ("health", 0), ("sensor/+/availability", 1))
    more = filters(("heartbeat", 0), ("response/+", 1))
    return (needed + more, []) if confirms else (needed, more)


def _boot_id() -> str:
    """Names this boot of the machine; "" where nobody says."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
