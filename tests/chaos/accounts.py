"""The comparison: what was committed, seen from outside, against what each receiver has and has shown. Pure.

    lost           a commit that a receiver never got
    doubled        a revision that a receiver showed more than once without saying so
    again          one that it showed once more and marked so, having died while it was shown
    out of order   a revision shown after a later one of its event
    phantom        a revision that a receiver has and that never was committed, unless it said so itself
                   (`durable: false`)
    late           more than LATE_S on the way while there was one
    unshown        in a receiver's store, but neither it nor a later revision was ever shown

All times are monotonic seconds of one machine.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

LATE_S = 10.0
EXAMPLES = 5

Key = tuple[str, int, str]
"""Event id, revision, phase. The phase belongs to it: after revisions that the disk did not take, a gateway
that starts again counts on from an earlier one, and its end may carry the number of an unstored update."""


@dataclass(frozen=True, slots=True)
class Committed:
    """One row of the outbox, as the witness saw it. cell: the fault at work; made_s: as the gateway says."""

    key: Key
    at_s: float
    cell: str
    sensor: str = ""
    made_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Shown:
    """One line that a receiver gave to people. cell: the fault that was at work when it was read.

    again: it says itself that it may have been shown before a crash. era: counts the stores that this
    receiver has had; who was robbed of its store cannot know what it has shown.
    """

    key: Key
    durable: bool = True
    cell: str = ""
    again: bool = False
    era: int = 0


@dataclass(slots=True)
class Ledger:
    """All that one receiver got: received (key -> when the witness saw it stored) and shown, in order."""

    name: str
    received: dict[Key, float] = field(default_factory=dict)
    shown: list[Shown] = field(default_factory=list)


@dataclass(slots=True)
class Account:
    """One cell. slowest_s: the longest time on the way, path or none; uptime_s: the longest with a path."""

    committed: int = 0
    received: int = 0
    lost: int = 0
    doubled: int = 0
    out_of_order: int = 0
    phantom: int = 0
    late: int = 0
    unshown: int = 0
    again: int = 0
    slowest_s: float = 0.0
    uptime_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.phantom or self.unshown)

    def add(self, other: Account) -> None:
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            if one.name == "examples":
                self.examples = (mine + theirs)[:EXAMPLES]
            else:
                setattr(self, one.name, max(mine, theirs) if one.name.endswith("_s") else mine + theirs)

    def example(self, text: str) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(text)


class UpTime:
    """Seconds in which there was a path, from a history of (monotonic, there is one)."""

    def __init__(self, history: Sequence[tuple[float, bool]]) -> None:
        self._starts: list[float] = []
        self._sums: list[float] = []
        self._up: list[bool] = []
        total_s, was_s, was_up = 0.0, 0.0, False
        for at_s, up in history:
            total_s += (at_s - was_s) if was_up else 0.0
            self._starts.append(at_s)
            self._sums.append(total_s)
            self._up.append(up)
            was_s, was_up = at_s, up

    def between(self, start_s: float, end_s: float) -> float:
        return self._until(end_s) - self._until(start_s)

    def _until(self, at_s: float) -> float:
        place = bisect_right(self._starts, at_s) - 1
        if place < 0:
            return 0.0
        return self._sums[place] + (at_s - self._starts[place] if self._up[place] else 0.0)


def compare(
    committed: Mapping[Key, Committed],
    ledgers: Iterable[Ledger],
    up: Mapping[str, UpTime],
    forgiven: frozenset[Key] = frozenset(),
) -> dict[str, Account]:
    """Cell -> account. up: when each receiver had a path. forgiven: keys that the harness itself took away

    (an outbox file deleted with rows in it), which cannot count as lost.
    """
    accounts: dict[str, Account] = {}

    def of(cell: str) -> Account:
        return accounts.setdefault(cell, Account())

    for row in committed.values():
        of(row.cell).committed += 1
    for ledger in ledgers:
        _deliveries(committed, ledger, up[ledger.name], forgiven, of)
        _shown(committed, ledger, of)
    return accounts


def _deliveries(
    committed: Mapping[Key, Committed],
    ledger: Ledger,
    up: UpTime,
    forgiven: frozenset[Key],
    of: Callable[[str], Account],
) -> None:
    newest_shown: dict[str, int] = {}
    for one in ledger.shown:
        newest_shown[one.key[0]] = max(one.key[1], newest_shown.get(one.key[0], -1))
    for key, row in committed.items():
        account = of(row.cell)
        at_s = ledger.received.get(key)
        if at_s is None:
            if key not in forgiven:
                account.lost += 1
                account.example(f"lost by {ledger.name}: {_text(key)}")
            continue
        account.received += 1
        if newest_shown.get(key[0], -1) < key[1]:
            account.unshown += 1
            account.example(f"never shown by {ledger.name}: {_text(key)}")
        took_s, up_s = at_s - row.at_s, up.between(row.at_s, at_s)
        account.slowest_s = max(account.slowest_s, took_s)
        account.uptime_s = max(account.uptime_s, up_s)
        if up_s > LATE_S:
            account.late += 1
            account.example(f"late at {ledger.name}: {_text(key)} {took_s:.1f} s, {up_s:.1f} s with a path")


def _shown(committed: Mapping[Key, Committed], ledger: Ledger, of: Callable[[str], Account]) -> None:
    times: Counter[tuple[Key, int]] = Counter()
    newest: dict[tuple[str, int], int] = {}
    unsure = {one.key for one in ledger.shown if not one.durable}
    for one in ledger.shown:
        event_id, revision, _phase = one.key
        row = committed.get(one.key)
        account = of(row.cell if row is not None else one.cell)
        times[one.key, one.era] += 1
        if times[one.key, one.era] > 1:
            account.again += one.again
            account.doubled += not one.again
            if not one.again:
                account.example(f"shown {times[one.key, one.era]} times by {ledger.name}: {_text(one.key)}")
        elif revision < newest.get((event_id, one.era), -1):
            account.out_of_order += 1
            account.example(
                f"out of order at {ledger.name}: {_text(one.key)} after {newest[event_id, one.era]}"
            )
        newest[event_id, one.era] = max(revision, newest.get((event_id, one.era), -1))
    for key in (ledger.received.keys() | {one.key for one in ledger.shown}) - committed.keys() - unsure:
        cell = next((one.cell for one in ledger.shown if one.key == key), "")
        account = of(cell)
        account.phantom += 1
        account.example(f"phantom at {ledger.name}: {_text(key)}")


def _text(key: Key) -> str:
    return f"{key[0][:8]}:{key[1]}:{key[2]}"
