"""Which gateways are heard, by which line, and whom to ask what is open. Pure; time is an argument.

A gateway is heard by its heartbeats. Whoever misses three of them is silent: nothing can be said of its
sensors. While no line of ours is up nobody is blamed. A gateway is asked for its open events when it is first
met, when it or our line was away, and after a restart; until it has answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from control_room.notices import GatewayHeard, GatewaySilent
from gateway.contract.types import Heartbeat

MISSED_BEATS = 3
UNKNOWN_INTERVAL_S = 5.0  # of a gateway that only the ledger knows
MOST_GATEWAYS = 10_000
_FIRST_RETRY_S, _MOST_RETRY_S = 10.0, 300.0
Name = tuple[str, str]


@dataclass(slots=True)
class _Contact:
    heard_s: float
    interval_s: float = UNKNOWN_INTERVAL_S
    boot_id: str | None = None
    silent: bool = False
    paths: dict[str, float] = field(default_factory=dict)  # path: when it was heard there
    wants_open: bool = True
    ask_at_s: float = 0.0
    failures: int = 0


class Contacts:
    """beat() for each heartbeat, poll() now and then."""

    def __init__(self, known: Iterable[Name] = (), now_s: float = 0.0) -> None:
        self._contacts = {name: _Contact(now_s) for name in known}
        self._connected: set[str] = set()

    def line_up(self, path: str, now_s: float) -> None:
        """A line of ours is up."""
        if not self._connected:
            for contact in self._contacts.values():
                contact.heard_s = now_s
                _want_open(contact)
        self._connected.add(path)

    def line_down(self, path: str) -> None:
        self._connected.discard(path)
        for contact in self._contacts.values():
            contact.paths.pop(path, None)

    def excuse(self, now_s: float) -> None:
        """We did not listen ourselves for a while: nobody is to blame for not having been heard."""
        for contact in self._contacts.values():
            if not contact.silent:
                contact.heard_s = now_s
            contact.paths = dict.fromkeys(contact.paths, now_s)

    def said_goodbye(self, name: Name, path: str) -> None:
        """This line itself says that the gateway is gone from it: it need not be waited for there."""
        if name in self._contacts:
            self._contacts[name].paths.pop(path, None)

    def quiet_lines(self, now_s: float) -> list[str]:
        """Lines by which no gateway is heard any more of those that were, once: they may be dead."""
        quiet = []
        for path in sorted(self._connected):
            heard = [contact for contact in self._contacts.values() if path in contact.paths]
            if heard and all(now_s - one.paths[path] > MISSED_BEATS * one.interval_s for one in heard):
                quiet.append(path)
                for contact in heard:
                    del contact.paths[path]
        return quiet

    def beat(self, beat: Heartbeat, path: str, now_s: float) -> GatewayHeard | None:
        """A heartbeat came in; what there is to tell of it."""
        name = (beat.site, beat.gateway)
        contact = self._contacts.get(name)
        if contact is None:
            contact = _Contact(now_s)
            if len(self._contacts) < MOST_GATEWAYS:
                self._contacts[name] = contact
        silent_s = now_s - contact.heard_s
        was_silent, contact.silent = contact.silent, False
        if was_silent or contact.boot_id not in (None, beat.boot_id):
            _want_open(contact)
        contact.heard_s, contact.interval_s, contact.boot_id = now_s, beat.interval_s, beat.boot_id
        contact.paths[path] = now_s
        return GatewayHeard(*name, silent_s) if was_silent else None

    def poll(self, now_s: float) -> list[GatewaySilent]:
        """Who has gone silent since the last poll."""
        told = []
        for name, contact in self._contacts.items():
            silent_s = now_s - contact.heard_s
            if self._connected and not contact.silent and silent_s > MISSED_BEATS * contact.interval_s:
                contact.silent = True
                told.append(GatewaySilent(*name, silent_s))
        return told

    def path_to(self, site: str, gateway: str) -> str | None:
        """The line by which this gateway was heard last, None while it is not heard."""
        contact = self._contacts.get((site, gateway))
        if contact is None or contact.silent or not contact.paths:
            return None
        return max(contact.paths, key=contact.paths.__getitem__)

    def reachable(self) -> list[Name]:
        return [name for name in self._contacts if self.path_to(*name) is not None]

    def to_ask(self, now_s: float) -> list[Name]:
        """Whom to ask now for what is open; asked() follows."""
        return [
            name
            for name, contact in self._contacts.items()
            if contact.wants_open and now_s >= contact.ask_at_s and self.path_to(*name) is not None
        ]

    def asked(self, name: Name, now_s: float) -> None:
        contact = self._contacts[name]
        contact.ask_at_s = now_s + min(_MOST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(contact.failures, 30))
        contact.failures += 1

    def told_open(self, name: Name) -> None:
        """It has answered."""
        contact = self._contacts.get(name)
        if contact is not None:
            contact.wants_open = False


def _want_open(contact: _Contact) -> None:
    contact.wants_open = True
    contact.ask_at_s = 0.0
    contact.failures = 0
