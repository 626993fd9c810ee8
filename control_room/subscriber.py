"""Broker to view to handler: what a program of the control room builds on.

subscriber = Subscriber(parse_url("mqtt://broker"), print)
subscriber.start()
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable

from control_room.broker_address import BrokerAddress
from control_room.changes import Change
from control_room.incidents_view import IncidentsView
from control_room.line import LineState, Message, Patience, Session
from control_room.mqtt import Line
from gateway.contract.topics import subscription


class Subscriber:
    """Calls on_change(change, message) for every message, on its own thread; `view` is what is known.

    Duplicates and late messages come too, as `Ignored`: a handler shows what it wants to show.
    """

    def __init__(
        self,
        address: BrokerAddress,
        on_change: Callable[[Change, Message], None],
        on_line: Callable[[LineState], None] = lambda state: None,
        on_fatal: Callable[[BaseException], None] = lambda problem: None,
        *,
        site: str | None = None,
        gateway: str | None = None,
        client_id: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        """on_fatal: told what a handler raised; nothing is received any more.

        site, gateway: None for all. client_id: a lasting one resumes its session after a restart.
        """
        self.view = IncidentsView()
        self._on_change = on_change
        self._line = Line(
            address,
            client_id or f"watch-{socket.gethostname()[:20]}-{os.getpid()}-{os.urandom(3).hex()}",
            [(topic, 1) for topic in topics(site, gateway)],
            self._received,
            on_line,
            on_fatal,
            session=Session(kept=client_id is not None),
            patience=patience,
        )

    def start(self) -> None:
        self._line.start()

    def stop(self) -> bool:
        return self._line.stop()

    def _received(self, message: Message) -> None:
        change = self.view.apply(message.topic, message.payload, retained=message.retained)
        self._on_change(change, message)


def topics(site: str | None, gateway: str | None) -> list[str]:
    """Topic filters of what the view keeps. Raises ValueError for an id that no topic carries."""
    wanted: Iterable[str] = ("status", "health", "sensor/+/availability", "event/+")
    return [subscription(site, gateway, rest) for rest in wanted]
