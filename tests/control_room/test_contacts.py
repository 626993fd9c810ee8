"""Who is heard, who has gone silent, whom to ask what is open; the time is an argument."""

from __future__ import annotations

import pytest

from control_room import contacts as contacts_module
from control_room.contacts import Contacts
from control_room.notices import GatewayHeard, GatewaySilent
from gateway.contract.examples import HEARTBEAT
from gateway.contract.types import replace

HERE = ("harbour", "gw-1")
BEAT = replace(HEARTBEAT, interval_s=2.0)


def heard(*paths: str, at_s: float = 0.0) -> Contacts:
    contacts = Contacts()
    for path in paths:
        contacts.line_up(path, at_s)
        contacts.beat(BEAT, path, at_s)
    return contacts


def test_three_missed_heartbeats_are_silence_told_once_and_so_is_the_return() -> None:
    contacts = heard("primary")
    assert contacts.poll(6.0) == []
    assert contacts.poll(6.5) == [GatewaySilent(*HERE, 6.5)]
    assert contacts.poll(9.0) == []
    assert contacts.path_to(*HERE) is None
    assert contacts.beat(BEAT, "primary", 20.0) == GatewayHeard(*HERE, 20.0)
    assert contacts.beat(BEAT, "primary", 22.0) is None
    assert contacts.poll(22.5) == []


def test_one_line_of_two_is_enough() -> None:
    contacts = heard("primary", "backup")
    for second in range(2, 30, 2):
        contacts.beat(BEAT, "backup", float(second))
        assert contacts.poll(second + 1.0) == []
    assert contacts.path_to(*HERE) == "backup"


def test_without_a_line_of_ours_nobody_is_blamed() -> None:
    contacts = heard("primary")
    contacts.line_down("primary")
    assert contacts.poll(100.0) == []
    assert contacts.path_to(*HERE) is None
    contacts.line_up("primary", 100.0)
    assert contacts.poll(106.0) == []
    assert contacts.poll(107.0) == [GatewaySilent(*HERE, 7.0)]


def test_nor_while_we_did_not_listen_ourselves() -> None:
    contacts = heard("primary")
    contacts.excuse(60.0)
    assert contacts.poll(66.0) == []
    assert contacts.poll(66.5) == [GatewaySilent(*HERE, 6.5)]
    contacts.excuse(100.0)
    assert contacts.beat(BEAT, "primary", 101.0) == GatewayHeard(*HERE, 41.0)


def test_a_gateway_known_from_before_that_does_not_speak_is_silent() -> None:
    contacts = Contacts([HERE], 0.0)
    assert contacts.poll(1000.0) == []  # no line yet
    contacts.line_up("primary", 1000.0)
    assert contacts.poll(1015.0) == []
    assert contacts.poll(1016.0) == [GatewaySilent(*HERE, 16.0)]


def test_whom_to_ask_what_is_open() -> None:
    contacts = heard("primary")
    assert contacts.to_ask(0.0) == [HERE]
    contacts.asked(HERE, 0.0)
    assert contacts.to_ask(9.0) == []
    assert contacts.to_ask(10.0) == [HERE]  # no answer
    contacts.asked(HERE, 10.0)
    contacts.beat(BEAT, "primary", 29.0)
    assert contacts.to_ask(29.0) == []
    assert contacts.to_ask(30.0) == [HERE]
    contacts.told_open(HERE)
    assert contacts.to_ask(1e6) == []


def test_again_after_a_restart_a_silence_or_a_break_of_all_lines() -> None:
    contacts = heard("primary", "backup")
    contacts.told_open(HERE)
    contacts.beat(replace(BEAT, boot_id="other"), "primary", 2.0)
    assert contacts.to_ask(2.0) == [HERE]
    contacts.told_open(HERE)
    contacts.poll(60.0)
    contacts.beat(replace(BEAT, boot_id="other"), "primary", 61.0)
    assert contacts.to_ask(61.0) == [HERE]
    contacts.told_open(HERE)
    contacts.line_down("primary")
    contacts.line_up("primary", 62.0)
    assert contacts.to_ask(62.0) == []  # the other one was up
    contacts.line_down("primary")
    contacts.line_down("backup")
    contacts.line_up("backup", 63.0)
    assert contacts.to_ask(63.0) == []  # it has to be heard first
    contacts.beat(replace(BEAT, boot_id="other"), "backup", 64.0)
    assert contacts.to_ask(64.0) == [HERE]


def test_gateways_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contacts_module, "MOST_GATEWAYS", 3)
    contacts = Contacts()
    contacts.line_up("primary", 0.0)
    for number in range(9):
        contacts.beat(replace(BEAT, gateway=f"gw-{number}"), "primary", 0.0)
    assert len(contacts.reachable()) == 3
