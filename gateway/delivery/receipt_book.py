"""Who has what: the receivers' words, noted on disk, and what is wrong with those who say nothing."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.contract.types import DeliveryHealth, PathHealth, PathTest, Receipt, ReceiverHealth
from gateway.contract.vocabulary import Confirm
from gateway.delivery.outbox import Outbox
from gateway.delivery.outbox_fault import OutboxError
from gateway.delivery.path_faults import (
    PathFault,
    receiver_faults,
    stranger_fault,
    test_fault,
    unreceived_faults,
)
from gateway.delivery.receivers import Receivers
from gateway.delivery.selftest import SelftestSchedule
from gateway.delivery.window import DeliveryWindow

MOST_UNNOTED = 10_000
STRANGER_FOR_S = 60.0


class ReceiptBook:
    """Owned by the publisher's thread. Only the receivers named in the settings count."""

    def __init__(
        self,
        outbox: Outbox,
        window: DeliveryWindow,
        tests: SelftestSchedule,
        names: tuple[str, ...],
        heartbeat_s: float,
        late_after_s: float,
    ) -> None:
        """late_after_s: what is not received for longer is a fault."""
        self._late_after_s = late_after_s
        self._outbox = outbox
        self._window = window
        self._tests = tests
        self._receivers = Receivers(names, heartbeat_s)
        self._unnoted: list[tuple[str, int, str]] = []
        self._row_ids: list[int] = []
        self._forgot = False
        self._stranger: tuple[str, float, float] | None = None  # name, first and last time
        self._late_since_s: dict[str, float] = {}
        self.connected = self._receivers.connected
        self.disconnected = self._receivers.disconnected

    def receipt(self, receipt: Receipt, now_s: float) -> bool:
        """Take a receiver's word; False if it is not one of ours. note() follows."""
        name = receipt.receiver
        if name not in self._receivers.names:
            self.stranger(name, now_s)
            return False
        if self._receivers.heard(name, now_s):
            self._window.all_due(now_s)
        for one in receipt.received:
            row_id = self._window.told(one.event_id, one.revision, name)
            if row_id is not None:
                self._row_ids.append(row_id)
            self._unnoted.append((one.event_id, one.revision, name))
        return True

    def stranger(self, name: str, now_s: float) -> None:
        """Somebody whom the settings do not name speaks here: most often a name that is misspelt."""
        since_s = now_s if self._stranger is None or self._stranger[0] != name else self._stranger[1]
        self._stranger = (name, since_s, now_s)

    def note(self, now_s: float) -> int:
        """Put what was told on disk, in one go; how many revisions everybody has now.

        Raises OutboxError; what fails is tried with the next call.
        """
        if not self._unnoted:
            return 0
        try:
            told = self._outbox.mark_received(self._unnoted, self._receivers.names)
        except OutboxError:
            self._forgot |= len(self._unnoted) > MOST_UNNOTED
            del self._unnoted[:-MOST_UNNOTED]
            raise
        self._unnoted.clear()
        self._window.marked(self._row_ids)
        self._row_ids.clear()
        if self._forgot:
            self._forgot = False
            self._window.read_again()  # what was forgotten is sent and told again
        for event_id, revision in (key for key, everybody in told.items() if everybody):
            self._tests.delivered(event_id, revision, now_s)
        return sum(told.values())

    def faults(self, now_s: float) -> Iterator[PathFault]:
        waiting = self._window.unreceived(now_s, self._late_after_s)
        for name, rows in waiting.items():
            if rows:
                self._late_since_s.setdefault(name, now_s)
            else:
                self._late_since_s.pop(name, None)
        yield from receiver_faults(self._receivers.sights(now_s))
        yield from unreceived_faults(waiting, self._late_since_s)
        if self._receivers.names and self._stranger is not None:
            name, since_s, last_s = self._stranger
            if now_s - last_s < STRANGER_FOR_S:
                yield stranger_fault(name, since_s)
        if self._tests.failed(now_s) and self._tests.last is not None:
            yield test_fault(self._tests.last.begun_s)

    def health(self, paths: tuple[PathHealth, ...], now_s: float) -> DeliveryHealth:
        waiting = self._window.unreceived(now_s, 0.0)
        last = self._tests.last
        tested = None
        if last is not None:
            took_ms = None if last.took_s is None else round(1000 * last.took_s)
            tested = PathTest(sent_utc=last.sent_utc, took_ms=took_ms)
        return DeliveryHealth(
            confirm=Confirm.RECEIPT if self._receivers.names else Confirm.PUBACK,
            paths=paths,
            receivers=tuple(
                ReceiverHealth(
                    receiver=sight.name,
                    answers=sight.heard and sight.silent_since_s is None,
                    unreceived=waiting.get(sight.name, 0),
                )
                for sight in self._receivers.sights(now_s)
            ),
            last_test=tested,
        )
