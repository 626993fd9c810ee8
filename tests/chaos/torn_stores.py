"""The two stores whose files are torn, as work to be done on them and rows to be read back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from msgspec.structs import replace

from control_room.ledger import Entry, Ledger
from gateway.contract.encoding import encode
from gateway.contract.examples import ALERT
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Lane, Phase
from gateway.delivery.outbox import Outbox

REVISIONS = 4

Row = tuple[str, int, str, bytes]
"""Event id, revision, phase, payload."""


class Work(ABC):
    """A store in use. rows: what its commits have promised, in order."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.rows: list[Row] = []

    def next_alert(self) -> Alert:
        """Events of four revisions with payloads of different sizes."""
        event, revision = divmod(len(self.rows), REVISIONS)
        phase = (Phase.START, Phase.UPDATE, Phase.UPDATE, Phase.END)[revision]
        return replace(
            ALERT,
            event_id=f"{event:032x}",
            revision=revision,
            phase=phase,
            end_reason="cleared" if phase is Phase.END else None,
            prev_hash=self.random.randbytes(self.random.randrange(1, 500)).hex(),
        )

    @abstractmethod
    def commit(self) -> None: ...

    @abstractmethod
    def mark(self) -> None:
        """Something that is not synced: losing it may cost a repetition, never a row."""

    @abstractmethod
    def checkpoint(self) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Store:
    """read: the rows of a file, or what is wrong with it in words; go_on: also commit one more."""

    name: str
    open: Callable[[Path, Random], Work]
    read: Callable[..., Sequence[Row] | str]


class OutboxWork(Work):
    """The pipeline's connection commits, the publisher's marks."""

    def __init__(self, path: Path, random: Random) -> None:
        super().__init__(random)
        self._pipeline = Outbox.open(path)
        self._publisher = Outbox.open(path, check=False, durable=False)
        for outbox in (self._pipeline, self._publisher):
            outbox._connection.execute("PRAGMA wal_autocheckpoint = 0")

    def commit(self) -> None:
        self.rows.append(_commit(self._pipeline, self.next_alert()))

    def mark(self) -> None:
        fresh = self._publisher.unnumbered(0, 100)
        self._publisher.give_numbers([(row.row_id, Lane.LIVE) for row in fresh])
        told = [(row.event_id, row.revision, "desk") for row in fresh]
        self._publisher.mark_received(told, frozenset(["desk"]))

    def checkpoint(self) -> None:
        self._pipeline._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._pipeline.close()
        self._publisher.close()


def _commit(outbox: Outbox, alert: Alert) -> Row:
    payload = encode(alert)
    topic = f"aggression/v1/s/g/event/{alert.event_class}"
    phase = alert.phase.value
    outbox.commit(payload, alert.event_id, alert.revision, topic, phase, boot_id="boot", monotonic_s=1.0)
    return alert.event_id, alert.revision, phase, payload


def _read_outbox(path: Path, *, go_on: bool) -> Sequence[Row] | str:
    query = "SELECT event_id, revision, phase, alert_json FROM alerts ORDER BY id"
    with Outbox.open(path) as outbox:
        if outbox.set_aside is not None:
            return f"set aside: {outbox.set_aside.problem}"
        rows: list[Row] = outbox._connection.execute(query).fetchall()
        if go_on:
            one = _commit(outbox, replace(ALERT, event_id="f" * 32))
            if outbox._connection.execute(query).fetchall() != [*rows, one]:
                return "it does not go on"
    return rows


class LedgerWork(Work):
    def __init__(self, path: Path, random: Random) -> None:
        super().__init__(random)
        self._ledger = Ledger.open(path)
        self._ledger._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._row_ids: list[int] = []

    def commit(self) -> None:
        alert = self.next_alert()
        payload = encode(alert)
        (verdict,) = self._ledger.commit([Entry(alert, payload)], boot_id="boot", now_s=1.0)
        assert verdict.row_id is not None
        self._row_ids.append(verdict.row_id)
        self.rows.append((alert.event_id, alert.revision, alert.phase.value, payload))

    def mark(self) -> None:
        self._ledger.mark_handled(self._row_ids)
        self._ledger.note_contact(["primary"], "boot", float(len(self.rows)))
        self._row_ids.clear()

    def checkpoint(self) -> None:
        self._ledger._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        self._ledger.close()


def _read_ledger(path: Path, *, go_on: bool) -> Sequence[Row] | str:
    query = "SELECT event_id, revision, phase, alert_json FROM revisions ORDER BY id"
    with Ledger.open(path) as ledger:
        if ledger.set_aside is not None:
            return f"set aside: {ledger.set_aside.problem}"
        rows: list[Row] = ledger._connection.execute(query).fetchall()
        if go_on:
            alert = replace(ALERT, event_id="f" * 32)
            ledger.commit([Entry(alert, encode(alert))])
            if len(ledger._connection.execute(query).fetchall()) != len(rows) + 1:
                return "it does not go on"
    return rows


STORES = {
    store.name: store
    for store in (Store("outbox", OutboxWork, _read_outbox), Store("receiver", LedgerWork, _read_ledger))
}
