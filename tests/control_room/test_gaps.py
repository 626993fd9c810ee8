"""Missing alerts are found, asked for, and given up only on the gateway's word; the time is an argument."""

from __future__ import annotations

import itertools
from random import Random

import pytest

from control_room import gaps as gaps_module
from control_room.gaps import AskRules, Gaps, ResendWanted
from control_room.notices import GapFilled, GapFound, GapLost
from control_room.numbers import LaneKey, LaneRecord, Span
from gateway.contract.examples import HEARTBEAT, RESPONSE
from gateway.contract.types import Response, replace
from gateway.contract.vocabulary import Lane, Result

HERE = ("harbour", "gw-1")
NUMBERING = HEARTBEAT.numbering
LIVE = LaneKey(*HERE, NUMBERING, Lane.LIVE)
BACKLOG = LaneKey(*HERE, NUMBERING, Lane.HISTORICAL)


def answer(transaction: str, **fields: object) -> Response:
    return replace(RESPONSE, transaction=transaction, **{"resent": 0, "gone": 0} | fields)


def met(*came: int) -> Gaps:
    """A gateway whose first alert was number 1."""
    gaps = Gaps()
    for number in came:
        gaps.note(LIVE, number, 0.0)
    return gaps


def test_nobody_asks_for_what_was_before_he_came() -> None:
    gaps = Gaps()
    gaps.heard(replace(HEARTBEAT, live_seq=41, historical_seq=7), 0.0)
    gaps.note(LIVE, 42, 1.0)
    gaps.note(BACKLOG, 8, 1.0)
    gaps.note(LIVE, 40, 1.0)  # it was still under way
    assert gaps.poll(1e6, [HERE]) == []
    assert gaps.take_told() == []


def test_of_the_next_store_of_a_known_gateway_all_numbers_are_ours() -> None:
    gaps = met(1)
    other = "0" * 16
    gaps.heard(replace(HEARTBEAT, numbering=other, live_seq=3, historical_seq=0), 0.0)
    assert gaps.poll(5.0, [HERE]) == [ResendWanted(LaneKey(*HERE, other, Lane.LIVE), Span(1, 3))]


def test_a_gap_is_told_asked_for_and_filled() -> None:
    gaps = met(1, 4)
    assert gaps.poll(1.0, [HERE]) == []
    (wanted,) = gaps.poll(2.0, [HERE])
    assert wanted == ResendWanted(LIVE, Span(2, 3))
    assert gaps.take_told() == [GapFound(*HERE, Lane.LIVE, 2, 3, asked=True)]
    gaps.sent(wanted, "t-1", 2.0)
    assert gaps.poll(3.0, [HERE]) == []  # one request at a time
    gaps.answered(answer("t-1", resent=2), 3.0)
    gaps.note(LIVE, 3, 3.1)
    assert gaps.take_told() == []
    gaps.note(LIVE, 2, 3.2)
    assert gaps.take_told() == [GapFilled(*HERE, Lane.LIVE)]
    assert gaps.poll(1e6, [HERE]) == []


def test_rows_that_come_before_the_answer_count_too() -> None:
    gaps = met(1, 3, 9)
    (wanted,) = gaps.poll(2.0, [HERE])
    gaps.sent(wanted, "t-1", 2.0)
    gaps.note(LIVE, 2, 2.5)
    gaps.answered(answer("t-1", resent=1), 2.6)
    assert gaps.poll(2.7, [HERE]) == [ResendWanted(LIVE, Span(4, 8))]


def test_what_is_gone_is_lost_and_said_so() -> None:
    gaps = met(1, 4)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.take_told()
    gaps.answered(answer("t-1", gone=2), 2.1)
    assert gaps.take_told() == [GapLost(*HERE, Lane.LIVE, 2)]
    assert gaps.poll(1e6, [HERE]) == []
    gaps.note(LIVE, 2, 1e6)  # it comes after all: fine
    assert gaps.take_told() == []


def test_part_of_it_gone() -> None:
    gaps = met(1, 5)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.answered(answer("t-1", resent=1, gone=2), 2.1)
    gaps.note(LIVE, 3, 2.2)
    gaps.take_told()
    assert gaps.poll(12.3, [HERE]) == []
    (again,) = gaps.poll(23.0, [HERE])
    gaps.sent(again, "t-2", 23.0)
    gaps.answered(answer("t-2", gone=1), 23.0)
    assert gaps.take_told() == [GapLost(*HERE, Lane.LIVE, 1)]
    gaps.sent(*gaps.poll(23.1, [HERE]), "t-3", 23.1)
    gaps.answered(answer("t-3", gone=1), 23.2)
    assert gaps.missing(LIVE) == ()


def test_no_answer_is_asked_again_at_growing_intervals() -> None:
    gaps, asked_at_s = met(1, 3), []
    for second in range(2, 4000):
        for wanted in gaps.poll(float(second), [HERE]):
            asked_at_s.append(second)
            gaps.sent(wanted, f"t-{second}", float(second))
    waits = [b - a for a, b in itertools.pairwise(asked_at_s)]
    assert waits[:4] == [20, 30, 50, 90]
    assert waits == sorted(waits)
    assert max(waits) <= 610
    assert len(gaps.take_told()) == 1  # said once


def test_a_refusal_is_no_loss_unless_that_store_is_no_more() -> None:
    gaps = met(1, 3)
    gaps.heard(replace(HEARTBEAT, live_seq=3, historical_seq=0), 0.0)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.take_told()
    gaps.answered(answer("t-1", result=Result.REFUSED), 2.1)
    assert gaps.take_told() == []
    assert gaps.missing(LIVE) == (Span(2, 2),)
    gaps.heard(replace(HEARTBEAT, numbering="1" * 16, live_seq=0, historical_seq=0), 20.0)
    gaps.sent(*gaps.poll(20.0, [HERE]), "t-2", 20.0)
    gaps.answered(answer("t-2", result=Result.REFUSED), 20.1)
    assert gaps.take_told() == [GapLost(*HERE, Lane.LIVE, 1)]


def test_no_room_for_it_now_is_no_loss() -> None:
    gaps = met(1, 3)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.answered(answer("t-1"), 2.1)
    assert gaps.missing(LIVE) == (Span(2, 2),)
    assert gaps.poll(12.0, [HERE]) == []
    assert gaps.poll(12.2, [HERE]) == [ResendWanted(LIVE, Span(2, 2))]


@pytest.mark.parametrize(
    "strange",
    [
        answer("t-0", gone=2),
        replace(RESPONSE, gateway="gw-9", transaction="t-1", gone=2),
        replace(RESPONSE, site="elsewhere", transaction="t-1", gone=2),
    ],
)
def test_an_answer_to_somebody_else_changes_nothing(strange: Response) -> None:
    gaps = met(1, 4)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.answered(strange, 2.1)
    assert gaps.missing(LIVE) == (Span(2, 3),)


def test_a_gateway_that_is_not_heard_is_not_asked_but_its_gap_is_told() -> None:
    gaps = met(1, 4)
    assert gaps.poll(2.0, []) == []
    assert gaps.take_told() == [GapFound(*HERE, Lane.LIVE, 2, 3, asked=False)]
    assert gaps.poll(9.0, [HERE]) == [ResendWanted(LIVE, Span(2, 3))]
    assert gaps.take_told() == []


def test_a_large_gap_is_asked_for_in_pieces_and_none_blocks_the_others() -> None:
    gaps = Gaps(asking=AskRules(most_asked=100))
    gaps.note(LIVE, 1, 0.0)
    gaps.note(LIVE, 252, 0.0)
    gaps.note(LIVE, 254, 0.0)
    (wanted,) = gaps.poll(2.0, [HERE])
    assert wanted.span == Span(2, 101)
    gaps.sent(wanted, "t-1", 2.0)
    gaps.poll(12.0, [HERE])  # no answer
    (wanted,) = gaps.poll(22.0, [HERE])
    assert wanted.span == Span(253, 253)  # another one has its turn
    gaps.sent(wanted, "t-2", 22.0)
    gaps.answered(answer("t-2", resent=1), 22.0)
    gaps.note(LIVE, 253, 22.1)
    (wanted,) = gaps.poll(22.2, [HERE])
    assert wanted.span == Span(2, 101)


def test_after_our_line_was_away_it_asks_at_once() -> None:
    gaps = met(1, 4)
    gaps.sent(*gaps.poll(2.0, [HERE]), "t-1", 2.0)
    gaps.reconnected(3.0)
    assert gaps.poll(3.0, [HERE]) == [ResendWanted(LIVE, Span(2, 3))]


def test_what_the_ledger_kept_goes_on_after_a_restart() -> None:
    gaps = met(1, 4)
    records, forgotten = gaps.take_changes()
    assert forgotten == []
    assert gaps.take_changes() == ([], [])
    again = Gaps(records, 100.0)
    assert again.gateways == [HERE]
    again.note(LIVE, 6, 100.0)
    (wanted,) = again.poll(102.0, [HERE])
    assert wanted.span == Span(2, 3)
    (record,), _ = again.take_changes()
    assert record.missing == (Span(2, 3), Span(5, 5))


def test_old_stores_and_too_many_gateways_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    gaps = Gaps()
    for store in range(12):
        gaps.heard(replace(HEARTBEAT, numbering=f"{store:016x}"), float(store))
    records, forgotten = gaps.take_changes()
    assert len({record.key.numbering for record in records}) == gaps_module.MOST_NUMBERINGS
    assert max(record.key.numbering for record in records) == f"{11:016x}"
    assert {key.numbering for key in forgotten} == {f"{store:016x}" for store in range(8)}
    monkeypatch.setattr(gaps_module, "MOST_GATEWAYS", 3)
    for number in range(9):
        gaps.heard(replace(HEARTBEAT, gateway=f"gw-{number}"), 20.0)
    assert len(gaps.gateways) == 3


class Gateway:
    """A lane of a gateway that keeps some rows and answers, with some luck."""

    def __init__(self, chance: Random, kept: set[int]) -> None:
        self._chance = chance
        self._kept = kept

    def ask(self, gaps: Gaps, wanted: ResendWanted, transaction: str, now_s: float) -> None:
        gaps.sent(wanted, transaction, now_s)
        if self._chance.random() < 0.3:
            return  # the request or the answer was lost
        asked = range(wanted.span.first, wanted.span.last + 1)
        rows = [number for number in asked if number in self._kept]
        gaps.answered(answer(transaction, resent=len(rows), gone=len(asked) - len(rows)), now_s)
        self._chance.shuffle(rows)
        for number in rows:
            if self._chance.random() < 0.8:
                gaps.note(wanted.key, number, now_s + 0.1)


@pytest.mark.parametrize("seed", range(40))
def test_every_number_comes_or_is_known_to_be_gone(seed: int) -> None:
    """Losses, disorder and restarts of this side at any step; what the gateway keeps is had in the end."""
    chance = Random(seed)
    last = chance.randint(5, 150)
    kept = {number for number in range(1, last + 1) if chance.random() < 0.9}
    gateway, gaps, now_s = Gateway(chance, kept), Gaps(asking=AskRules(most_asked=7)), 0.0
    gaps.note(LIVE, 1, now_s)
    stored: dict[LaneKey, LaneRecord] = {}
    lost = 0
    came = [number for number in range(2, last + 1) if chance.random() < 0.6]
    for number in sorted(came, key=lambda one: one + chance.randint(0, 4)):
        gaps.note(LIVE, number, now_s)
    kept.update(came)
    for step in range(3000):
        now_s += 5.0
        gaps.heard(replace(HEARTBEAT, live_seq=last, historical_seq=0), now_s)
        for wanted in gaps.poll(now_s, [HERE]):
            gateway.ask(gaps, wanted, f"t-{step}", now_s)
        lost += sum(told.count for told in gaps.take_told() if isinstance(told, GapLost))
        if chance.random() < 0.1:
            stored |= {record.key: record for record in gaps.take_changes()[0]}
            gaps = Gaps(stored.values(), now_s, asking=AskRules(most_asked=7))
    assert gaps.missing(LIVE) == (), f"seed {seed}"
    assert lost == last - len(kept | {1}), f"seed {seed}"
