"""Receipts: few messages, none forgotten before a broker has it, none for what somebody else said."""

from __future__ import annotations

from random import Random

import pytest

from control_room import receipts as receipts_module
from control_room.line import Sent, Taken
from control_room.receipts import Receipts
from gateway.contract.types import Received, replace
from tests.support.alerts import alert

BOTH = ("primary", "backup")


def names(receipts: Receipts, *connected: str) -> list[tuple[str, str, list[int]]]:
    """(line, gateway, events) of what can go out now; it stays under way."""
    out = []
    for number, envelope in enumerate(receipts.take(set(connected), BOTH)):
        receipts.sent(envelope, Sent(envelope.path, 1, number))
        events = [int(one.event_id, 16) for one in envelope.receipt.received]
        out.append((envelope.path, envelope.receipt.gateway, events))
    return out


def test_many_alerts_of_a_gateway_are_one_message_by_the_line_they_came_in_on() -> None:
    receipts = Receipts("room")
    for number in range(3):
        receipts.owe(alert(number), "primary")
    receipts.owe(alert(3), "backup")
    receipts.owe(replace(alert(4), gateway="gw-2"), "primary")
    assert names(receipts, *BOTH) == [
        ("primary", "gw-1", [0, 1, 2]),
        ("backup", "gw-1", [3]),
        ("primary", "gw-2", [4]),
    ]
    assert names(receipts, *BOTH) == []
    assert receipts.owed == 5


def test_another_line_takes_them_when_theirs_is_down() -> None:
    receipts = Receipts("room")
    receipts.owe(alert(1), "primary")
    assert names(receipts) == []
    assert names(receipts, "backup") == [("backup", "gw-1", [1])]


def test_what_a_broken_line_had_under_way_is_owed_again() -> None:
    receipts = Receipts("room")
    receipts.owe(alert(1), "primary")
    receipts.owe(alert(2), "backup")
    names(receipts, *BOTH)
    receipts.taken(Taken(Sent("backup", 1, 1), 0))
    receipts.line_lost("primary")
    receipts.line_lost("backup")
    assert receipts.owed == 1
    assert names(receipts, "backup") == [("backup", "gw-1", [1])]
    receipts.taken(Taken(Sent("backup", 1, 0), 0))
    assert receipts.owed == 0


def test_one_that_was_not_taken_is_owed_again_and_an_alert_that_came_again_too() -> None:
    receipts = Receipts("room")
    receipts.owe(alert(1), "primary")
    (envelope,) = receipts.take({"primary"}, BOTH)
    receipts.not_sent(envelope)
    receipts.owe(alert(1), "primary")
    assert names(receipts, "primary") == [("primary", "gw-1", [1])]
    receipts.owe(alert(1), "primary")
    assert names(receipts, "primary") == [("primary", "gw-1", [1])]


def test_no_message_is_larger_than_brokers_take() -> None:
    receipts = Receipts("room")
    for number in range(1000):
        receipts.owe(alert(number), "primary")
    envelopes = receipts.take({"primary"}, BOTH)
    assert [len(envelope.receipt.received) for envelope in envelopes] == [200] * 5
    assert envelopes[0].receipt.received[0] == Received(event_id=f"{0:032x}", revision=0)


def test_what_is_owed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receipts_module, "MOST_OWED", 10)
    receipts = Receipts("room")
    for number in range(25):
        receipts.owe(alert(number), "primary")
    assert (receipts.owed, receipts.forgotten) == (10, 15)


def test_the_answer_to_a_heartbeat_names_it() -> None:
    answer = Receipts("room").answer("harbour", "gw-1", 77)
    assert (answer.receiver, answer.received, answer.beat) == ("room", (), 77)


@pytest.mark.parametrize("seed", range(20))
def test_none_is_lost_whatever_the_lines_do(seed: int) -> None:
    chance, receipts = Random(seed), Receipts("room")
    connected, told, number, under_way = set(BOTH), set[str](), 0, list[tuple[Sent, list[str]]]()
    for step in range(400):
        if step < 200:
            number += 1
            receipts.owe(alert(number), chance.choice(BOTH))
        path = chance.choice(BOTH)
        if step > 350:
            connected.update(BOTH)
        elif chance.random() < 0.2:
            connected ^= {path}
            if path not in connected:
                receipts.line_lost(path)
                under_way = [one for one in under_way if one[0].path != path]
        for envelope in receipts.take(connected, BOTH):
            if chance.random() < 0.2:
                receipts.not_sent(envelope)
                continue
            sent = Sent(envelope.path, step, len(under_way))
            receipts.sent(envelope, sent)
            under_way.append((sent, [one.event_id for one in envelope.receipt.received]))
        while under_way and chance.random() < 0.6:
            sent, events = under_way.pop(0)
            receipts.taken(Taken(sent, 0))
            told.update(events)
    for sent, events in under_way:
        receipts.taken(Taken(sent, 0))
        told.update(events)
    assert receipts.owed == 0, f"seed {seed}"
    assert told == {alert(one).event_id for one in range(1, number + 1)}, f"seed {seed}"
