"""The comparison finds what is planted: a loss, a double, a phantom, a disorder, a delay."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.chaos.accounts import Account, Committed, Key, Ledger, Shown, UpTime, compare

ALWAYS = UpTime([(0.0, True)])
PHASES = ("start", "update", "update", "end")


def keys(events: int) -> list[Key]:
    return [(f"{event:032x}", revision, PHASES[revision]) for event in range(events) for revision in range(4)]


class Run:
    """A faultless run of some events, to be spoilt."""

    def __init__(self, events: int = 25) -> None:
        self.order = keys(events)
        self.committed = {
            key: Committed(key, float(place), f"cell {place % 3}") for place, key in enumerate(self.order)
        }
        self.ledger = Ledger("desk")
        for key, row in self.committed.items():
            self.ledger.received[key] = row.at_s + 0.1
            self.ledger.shown.append(Shown(key, True, "later"))
        self.up = ALWAYS
        self.forgiven: frozenset[Key] = frozenset()

    def verdict(self) -> Account:
        total = Account()
        for account in compare(self.committed, [self.ledger], {"desk": self.up}, self.forgiven).values():
            total.add(account)
        return total


def found(account: Account) -> dict[str, int]:
    names = ("lost", "doubled", "out_of_order", "phantom", "late", "unshown")
    return {name: getattr(account, name) for name in names if getattr(account, name)}


def test_a_faultless_run_is_clean() -> None:
    account = Run().verdict()
    assert found(account) == {}
    assert account.clean
    assert (account.committed, account.received) == (100, 100)
    assert account.slowest_s == pytest.approx(0.1)


def lose(run: Run, key: Key) -> None:
    del run.ledger.received[key]
    run.ledger.shown = [one for one in run.ledger.shown if one.key != key]


def lose_from_the_screen(run: Run, key: Key) -> None:
    run.ledger.shown = [one for one in run.ledger.shown if one.key[0] != key[0]]


def double(run: Run, key: Key) -> None:
    run.ledger.shown.append(Shown(key))


def turn_around(run: Run, key: Key) -> None:
    """This revision is shown after the next one of its event."""
    shown = run.ledger.shown
    place = next(n for n, one in enumerate(shown) if one.key == key)
    shown[place], shown[place + 1] = shown[place + 1], shown[place]


def invent(run: Run, key: Key) -> None:
    other = (key[0], key[1] + 10, "update")
    run.ledger.received[other] = 1.0
    run.ledger.shown.append(Shown(other, True, "here"))


def invent_in_the_store(run: Run, key: Key) -> None:
    run.ledger.received["f" * 32, 0, "start"] = 1.0


def delay(run: Run, key: Key) -> None:
    run.ledger.received[key] += 10.5


@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lose, "lost"),
        (double, "doubled"),
        (turn_around, "out_of_order"),
        (invent, "phantom"),
        (invent_in_the_store, "phantom"),
        (delay, "late"),
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_one_planted_fault_is_found_once(spoil: Callable[[Run, Key], None], name: str, seed: int) -> None:
    run = Run()
    key = random.Random(seed).choice([key for key in run.order if key[2] != "end"])
    spoil(run, key)
    account = run.verdict()
    assert found(account) == {name: 1}
    assert account.examples
    assert account.clean == (name == "late")


def test_a_whole_event_that_nobody_saw_on_the_screen_is_found() -> None:
    run = Run()
    lose_from_the_screen(run, run.order[0])
    assert found(run.verdict()) == {"unshown": 4}


def test_a_revision_that_a_later_one_replaced_need_not_be_shown() -> None:
    run = Run()
    run.ledger.shown = [one for one in run.ledger.shown if one.key != run.order[1]]
    assert found(run.verdict()) == {}


def test_the_fault_stands_in_the_cell_in_which_the_alert_was_committed() -> None:
    run = Run()
    lose(run, run.order[4])
    accounts = compare(run.committed, [run.ledger], {"desk": ALWAYS})
    assert {cell: account.lost for cell, account in accounts.items()} == {
        "cell 0": 0,
        "cell 1": 1,
        "cell 2": 0,
    }


def test_each_receiver_is_judged_for_itself() -> None:
    run, other = Run(), Run().ledger
    other.name = "second"
    del other.received[run.order[0]]
    accounts = compare(run.committed, [run.ledger, other], {"desk": ALWAYS, "second": ALWAYS})
    assert sum(account.lost for account in accounts.values()) == 1
    assert "second" in accounts["cell 0"].examples[0]


def test_what_was_sent_unstored_is_no_phantom_and_what_the_harness_destroyed_is_not_lost() -> None:
    run = Run()
    unstored: Key = ("e" * 32, 0, "start")
    run.ledger.received[unstored] = 1.0
    run.ledger.shown.append(Shown(unstored, False, "disk"))
    lose(run, run.order[0])
    run.forgiven = frozenset([run.order[0]])
    assert found(run.verdict()) == {}


def test_only_time_with_a_path_counts_as_late() -> None:
    run = Run()
    run.ledger.received[run.order[0]] = 50.0
    run.up = UpTime([(0.0, True), (5.0, False), (46.0, True)])
    account = run.verdict()
    assert account.late == 0
    assert account.slowest_s == pytest.approx(50.0)
    assert account.uptime_s == pytest.approx(9.0)
    run.up = UpTime([(0.0, True), (5.0, False), (44.0, True)])
    assert run.verdict().late == 1


def test_a_repetition_that_says_so_is_counted_apart() -> None:
    run = Run()
    run.ledger.shown.append(Shown(run.order[7], again=True))
    account = run.verdict()
    assert found(account) == {}
    assert account.again == 1


def test_a_receiver_that_was_robbed_of_its_store_may_show_once_more_and_no_more() -> None:
    run = Run()
    run.ledger.shown += [Shown(run.order[4], era=1), Shown(run.order[5], era=1)]
    assert found(run.verdict()) == {}
    run.ledger.shown.append(Shown(run.order[5], era=1))
    assert found(run.verdict()) == {"doubled": 1}


def test_up_time() -> None:
    up = UpTime([(10.0, True), (20.0, False), (30.0, True)])
    assert up.between(0.0, 10.0) == 0.0
    assert up.between(0.0, 15.0) == 5.0
    assert up.between(15.0, 35.0) == 10.0
    assert up.between(22.0, 28.0) == 0.0
    assert UpTime([]).between(0.0, 9.0) == 0.0
