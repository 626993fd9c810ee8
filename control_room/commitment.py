"""From read to kept, shown and confirmed: what happens to alerts between the lines and the handler.

The order is the promise: (1) commit, (2) tell the broker, (3) hand over to the handler, (4) note that, (5)
owe the gateway its receipt. Whatever dies in between, the gateway has no receipt and sends again, and what
was committed and not noted as handed over is handed over at the next start, marked `again`.

When the store fails, alerts are shown all the same, marked as not stored, and held for the next attempt; the
gateway gets no receipt until one succeeds.
"""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from control_room.changes import Step, may_ring
from control_room.ledger import Entry, Ledger, Unhandled, Verdict
from control_room.ledger_error import LedgerError
from control_room.notices import Arrival, NotShown, StoreTrouble
from control_room.numbers import LaneKey, LaneRecord
from control_room.revisions import STEPS, Known, judge
from gateway.contract.types import Alert
from gateway.contract.vocabulary import Phase

RINGS_WITHIN_S = 30.0
MOST_HELD = 2000
MOST_TRIES = 3  # of a handler that raises, over restarts, before one alert stops all others
_FIRST_RETRY_S, _MOST_RETRY_S = 1.0, 30.0
_Id = tuple[str, str, str, int, Phase]


@dataclass(frozen=True, slots=True)
class Pending:
    """An alert that came in. path: by which line; asked: as an answer to the question what is open."""

    entry: Entry
    path: str
    asked: bool = False
    shown: bool = False

    @property
    def id(self) -> _Id:
        alert = self.entry.alert
        return alert.site, alert.gateway, alert.event_id, alert.revision, alert.phase


@dataclass(frozen=True, slots=True)
class Boot:
    """Which boot of this machine it is: its monotonic clock means nothing to another. "": nobody knows."""

    boot_id: str = ""


class Commitment:
    """One owner thread. on_alert: the handler; owe: told of each revision that the gateway may hear of."""

    def __init__(
        self,
        ledger: Ledger,
        on_alert: Callable[[Arrival], None],
        on_trouble: Callable[[StoreTrouble | NotShown], None],
        owe: Callable[[Alert, str], None],
        boot: Boot | None = None,
    ) -> None:
        self._ledger = ledger
        self._on_alert = on_alert
        self._on_trouble = on_trouble
        self._owe = owe
        self._boot = boot or Boot()
        self._held: OrderedDict[_Id, Pending] = OrderedDict()
        self._shown_unstored: dict[tuple[str, str, str], Known] = {}
        self._lanes: dict[LaneKey, LaneRecord] = {}
        self._forgotten: set[LaneKey] = set()
        self._unmarked: list[int] = []
        self._trouble = False
        self._failures = 0
        self._not_before_s = 0.0
        self.dropped = 0

    @property
    def store_fails(self) -> bool:
        return self._trouble

    def recover(self, now_s: float) -> None:
        """Hand over what was committed before a crash and perhaps never shown. Raises LedgerError."""
        for left in self._ledger.unhandled(self._boot.boot_id, now_s):
            alert = left.entry.alert
            if left.tries >= MOST_TRIES:
                self._on_trouble(NotShown(alert))
            else:
                with contextlib.suppress(LedgerError):  # a full disk must not keep it from the screen
                    self._ledger.mark_tried(left.row_id)
                self._on_alert(_left_over(left))
            self._unmarked.append(left.row_id)
            self._mark()

    def lanes(self, records: Iterable[LaneRecord], forgotten: Iterable[LaneKey]) -> None:
        """Kept with the next commit."""
        for record in records:
            self._lanes[record.key] = record
            self._forgotten.discard(record.key)
        for key in forgotten:
            self._lanes.pop(key, None)
            self._forgotten.add(key)

    def due(self, now_s: float) -> bool:
        """Whether something waits for a commit that may be tried now."""
        waits = self._held or self._lanes or self._forgotten or self._unmarked
        return bool(waits) and now_s >= self._not_before_s

    def settle(self, arrived: Sequence[Pending], now_s: float, acknowledge: Callable[[], None]) -> None:
        """Commit what is held and what arrived, then everything that follows from it.

        acknowledge: called as soon as the broker may forget what arrived. Raises what the handler raises.
        """
        for one in arrived:
            self._hold(one)
        verdicts = self._commit(now_s) if now_s >= self._not_before_s else None
        if verdicts is None:
            # The broker is no store, and one that waits for us would hold back the next alerts.
            acknowledge()
            self._show_unstored()
            return
        pending = list(self._held.values())
        self._held.clear()
        self._shown_unstored.clear()
        acknowledge()
        self._hand_over(pending, verdicts)

    def note_contact(self, paths: Iterable[str], now_s: float) -> None:
        """These lines are up; known after a restart, to tell how old what a broker kept may be."""
        with contextlib.suppress(LedgerError):  # nothing is lost by not knowing
            self._ledger.note_contact(paths, self._boot.boot_id, now_s)

    def open_ids(self, name: tuple[str, str]) -> set[str]:
        """Ids of the open events of a gateway; none when the store cannot be read."""
        try:
            return self._ledger.open_ids(*name)
        except LedgerError:
            return set()

    def close_events(self, name: tuple[str, str], event_ids: set[str]) -> set[str]:
        """Close those that are open still; which those were. When the store fails, none are."""
        still_open = event_ids & self.open_ids(name)
        try:
            self._ledger.close_events(*name, still_open)
        except LedgerError:
            return set()
        return still_open

    def _hold(self, one: Pending) -> None:
        known = self._held.get(one.id)
        if known is None:
            self._held[one.id] = one
        if len(self._held) > MOST_HELD and self._trouble:
            self._held.popitem(last=False)  # its gateway has no receipt, and sends it again
            self.dropped += 1

    def _commit(self, now_s: float) -> list[Verdict] | None:
        try:
            verdicts = self._ledger.commit(
                [one.entry for one in self._held.values()],
                self._lanes.values(),
                self._forgotten,
                boot_id=self._boot.boot_id,
                now_s=now_s,
            )
        except LedgerError as problem:
            delay_s = min(_MOST_RETRY_S, _FIRST_RETRY_S * 2.0 ** min(self._failures, 30))
            self._failures += 1
            self._not_before_s = now_s + delay_s
            if not self._trouble:
                self._trouble = True
                self._on_trouble(StoreTrouble(str(problem)))
            return None
        self._lanes.clear()
        self._forgotten.clear()
        self._failures = 0
        if self._trouble:
            self._trouble = False
            self._on_trouble(StoreTrouble(None))
        return verdicts

    def _hand_over(self, pending: Sequence[Pending], verdicts: Sequence[Verdict]) -> None:
        """The handler sees what is new; then the gateways may know. All of it, or up to what raised."""
        done: list[Pending] = []
        try:
            for one, verdict in zip(pending, verdicts, strict=True):
                if isinstance(verdict.meaning, Step):
                    if not one.shown:
                        self._on_alert(_arrival(one, verdict.meaning, verdict.first))
                    if verdict.row_id is not None:
                        self._unmarked.append(verdict.row_id)
                done.append(one)
        except Exception:
            self._confirm(done)
            raise
        self._confirm(done)

    def _confirm(self, done: Sequence[Pending]) -> None:
        self._mark()
        for one in done:
            self._owe(one.entry.alert, one.path)

    def _mark(self) -> None:
        if not self._unmarked:
            return
        try:
            self._ledger.mark_handled(self._unmarked)
        except LedgerError:
            return  # tried again with the next; without success they are shown once more, marked `again`
        self._unmarked.clear()

    def _show_unstored(self) -> None:
        for one in list(self._held.values()):
            if one.shown:
                continue
            alert = one.entry.alert
            event = (alert.site, alert.gateway, alert.event_id)
            known = self._shown_unstored.get(event) or self._known(event)
            meaning = judge(alert, known)
            self._held[one.id] = replace(one, shown=True)
            if isinstance(meaning, Step):
                revision = alert.revision if known is None else max(known.revision, alert.revision)
                self._shown_unstored[event] = Known(revision, alert.phase is Phase.END)
                self._on_alert(replace(_arrival(one, meaning, known is None), stored=False))

    def _known(self, event: tuple[str, str, str]) -> Known | None:
        try:
            return self._ledger.known(*event)
        except LedgerError:
            return None


def _left_over(left: Unhandled) -> Arrival:
    alert = left.entry.alert
    age_s = None if left.age_s is None else left.age_s + (alert.age_s or 0.0)
    rings = age_s is not None and age_s <= RINGS_WITHIN_S and may_ring(alert, left.first)
    return Arrival(STEPS[alert.phase], alert, left.entry.payload, first=left.first, rings=rings, again=True)


def _arrival(one: Pending, step: Step, first: bool) -> Arrival:
    alert = one.entry.alert
    # An answer to the question what is open may be about something that began long ago.
    rings = may_ring(alert, first) and (not one.asked or alert.age_s is not None)
    return Arrival(step, alert, one.entry.payload, first=first, rings=rings, asked=one.asked)
