"""Receipts that still have to reach their gateway. Pure.

A receipt goes out by the line its alert came in on, or by another that is up; it is owed until the broker
has taken it, and again when its line broke before that. Bounded: what had to be forgotten, its gateway sends
again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Container
from dataclasses import dataclass

from control_room.line import Sent, Taken
from gateway.contract.types import Alert, Receipt, Received
from gateway.contract.vocabulary import SCHEMA_VERSION

MOST_OWED = 50_000
MOST_IN_ONE = 200  # revisions in one message


@dataclass(frozen=True, slots=True)
class _Owed:
    site: str
    gateway: str
    received: Received


@dataclass(frozen=True, slots=True)
class Envelope:
    """One receipt message for one line; sent() or not_sent() follows."""

    path: str
    receipt: Receipt
    owed: tuple[_Owed, ...]


class Receipts:
    def __init__(self, receiver: str) -> None:
        self._receiver = receiver
        self._owed: OrderedDict[_Owed, str] = OrderedDict()  # owed: the line its alert came in on
        self._under_way: dict[Sent, Envelope] = {}
        self.forgotten = 0

    @property
    def owed(self) -> int:
        """Revisions that no broker has taken the receipt of."""
        return len(self._owed) + sum(len(envelope.owed) for envelope in self._under_way.values())

    def owe(self, alert: Alert, path: str) -> None:
        """This revision is in the store: its gateway may know."""
        received = Received(event_id=alert.event_id, revision=alert.revision)
        self._add(_Owed(alert.site, alert.gateway, received), path)

    def take(self, connected: Container[str], lines: tuple[str, ...]) -> list[Envelope]:
        """What can go out now, in few messages. lines: all of ours, in order of preference."""
        up = [path for path in lines if path in connected]
        if not up:
            return []
        groups: dict[tuple[str, str, str], list[_Owed]] = {}
        for owed, path in self._owed.items():
            by = path if path in connected else up[0]
            groups.setdefault((by, owed.site, owed.gateway), []).append(owed)
        self._owed.clear()
        return [
            self._envelope(path, site, gateway, tuple(owed[at : at + MOST_IN_ONE]))
            for (path, site, gateway), owed in groups.items()
            for at in range(0, len(owed), MOST_IN_ONE)
        ]

    def sent(self, envelope: Envelope, sent: Sent) -> None:
        self._under_way[sent] = envelope

    def not_sent(self, envelope: Envelope) -> None:
        for owed in envelope.owed:
            self._add(owed, envelope.path)

    def taken(self, taken: Taken) -> None:
        """The broker answered; a refusal is told elsewhere, asking again would not help."""
        self._under_way.pop(taken.sent, None)

    def line_lost(self, path: str) -> None:
        """What was under way there is owed again."""
        lost = [sent for sent in self._under_way if sent.path == path]
        for sent in lost:
            self.not_sent(self._under_way.pop(sent))

    def answer(self, site: str, gateway: str, beat: int) -> Receipt:
        """The answer to a heartbeat."""
        return self._receipt(site, gateway, (), beat)

    def _add(self, owed: _Owed, path: str) -> None:
        self._owed[owed] = path
        if len(self._owed) > MOST_OWED:
            self._owed.popitem(last=False)
            self.forgotten += 1

    def _envelope(self, path: str, site: str, gateway: str, owed: tuple[_Owed, ...]) -> Envelope:
        received = tuple(one.received for one in owed)
        return Envelope(path, self._receipt(site, gateway, received, None), owed)

    def _receipt(self, site: str, gateway: str, received: tuple[Received, ...], beat: int | None) -> Receipt:
        return Receipt(
            schema=SCHEMA_VERSION,
            site=site,
            gateway=gateway,
            receiver=self._receiver,
            received=received,
            beat=beat,
        )
