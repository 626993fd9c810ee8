"""What a receiver finds out, as lines in two languages."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from control_room.changes import Step
from control_room.lines import Style, age_text, alert_line
from control_room.notice_lines import notice_line
from control_room.notices import (
    Arrival,
    ConfirmAnswered,
    EndUnheard,
    GapFilled,
    GapFound,
    GapLost,
    GatewayHeard,
    GatewaySilent,
    NotHeard,
    Notice,
    NotShown,
    StoreTrouble,
)
from gateway.contract.encoding import encode
from gateway.contract.types import Text
from gateway.contract.vocabulary import Lane, Phase, Status
from tests.support.alerts import alert

ENGLISH, DUTCH = Style("en", zone=UTC), Style("nl", zone=UTC)
NOW = datetime(2026, 3, 14, 22, 41, 9, tzinfo=UTC)
HERE = ("harbour", "gw-1")
NOTICES: list[tuple[Notice, str, str]] = [
    (GatewaySilent(*HERE, 6.2), "SILENT for 6 s", "STIL sinds 6 s"),
    (GatewayHeard(*HERE, 190.0), "heard again after 3 min", "weer gehoord na 3 min"),
    (
        GapFound(*HERE, Lane.LIVE, 7, 8, asked=True),
        "ALERTS MISSING: 2 (live 7 to 8), asked for them",
        "ALARMEN ONTBREKEN: 2 (actueel 7 t/m 8), opnieuw gevraagd",
    ),
    (GapFound(*HERE, Lane.HISTORICAL, 7, 7, asked=False), "MISSING: 1 (backlog 7 to 7)", "achterstand"),
    (GapFilled(*HERE, Lane.LIVE), "no alerts missing any more", "ontbreken geen alarmen meer"),
    (GapLost(*HERE, Lane.LIVE, 3), "ALERTS LOST: 3 (live), not to be had any more", "KWIJT: 3"),
    (StoreTrouble("/s: the disk is full"), "STORE FAILS, nothing is confirmed: /s", "OPSLAG WERKT NIET"),
    (
        ConfirmAnswered(*HERE, alert(1).event_id, accepted=True),
        "#0000 confirmed: its incident is `go`",
        "#0000 bevestigd: het incident is `gaan`",
    ),
    (
        ConfirmAnswered(*HERE, alert(1).event_id, accepted=False, message=Text(en="over", nl="voorbij")),
        "#0000 NOT CONFIRMED: over",
        "#0000 NIET BEVESTIGD: voorbij",
    ),
    (EndUnheard(*HERE, alert(1).event_id), "#0000 is over, its end did not come", "#0000 is voorbij"),
    (StoreTrouble(None), "the store works again", "de opslag werkt weer"),
    (NotShown(alert(1)), "could not be shown, time after time: #0000", "niet worden getoond: #0000"),
    (NotHeard("primary", 135), "refuses receipts (reason 135)", "weigert bevestigingen (reden 135)"),
]


@pytest.mark.parametrize(("notice", "english", "dutch"), NOTICES, ids=lambda one: type(one).__name__)
def test_notices_are_lines(notice: Notice, english: str, dutch: str) -> None:
    assert english in notice_line(notice, NOW, ENGLISH)
    assert dutch in notice_line(notice, NOW, DUTCH)
    assert notice_line(notice, NOW, DUTCH).startswith("22:41:09")
    coloured = notice_line(notice, NOW, Style("nl", colour=True, zone=UTC))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == notice_line(notice, NOW, DUTCH)


def test_nothing_of_it_steers_the_terminal() -> None:
    assert "\x1b" not in notice_line(StoreTrouble("\x1b[2J"), NOW, ENGLISH)


@pytest.mark.parametrize(
    ("age_s", "english", "dutch"),
    [
        (0.4, "0 s", "0 s"),
        (119.4, "119 s", "119 s"),
        (120.0, "2 min", "2 min"),
        (7100.0, "118 min", "118 min"),
        (7260.0, "2 h 1 min", "2 u 1 min"),
        (259_200.0, "72 h 0 min", "72 u 0 min"),
        (None, "since before a restart", "van voor een herstart"),
    ],
)
def test_ages_in_words(age_s: float | None, english: str, dutch: str) -> None:
    assert age_text(age_s, "en") == english
    assert age_text(age_s, "nl") == dutch


def line(arrival: Arrival, style: Style = DUTCH) -> str:
    return alert_line(arrival, style)


def arrival(one: object = None, **fields: object) -> Arrival:
    shown = one or alert(1)
    return Arrival(Step.STARTED, shown, encode(shown), **fields)  # type: ignore[arg-type]


def test_an_old_alert_says_how_old_and_does_not_look_new() -> None:
    old = line(arrival(alert(1, historical=True, age_s=600.0, lane=Lane.HISTORICAL)))
    assert "onderweg 10 min" in old
    assert "*OUD*" in old
    unknown = line(arrival(alert(1, historical=True, age_s=None)), ENGLISH)
    assert "on its way since before a restart" in unknown
    in_time = line(arrival(alert(1, lane=Lane.HISTORICAL, age_s=12.0)), ENGLISH)
    assert "waited for a path" in in_time
    assert "OLD" not in in_time


def test_what_must_be_known_of_an_arrival_is_said() -> None:
    assert "misschien al getoond" in line(arrival(again=True))
    assert "HIER NIET OPGESLAGEN" in line(arrival(stored=False))
    assert "liep al" in line(arrival(asked=True))
    assert "niet opgeslagen in de gateway" in line(arrival(alert(1, durable=False)))
    assert "*TEST*" in line(arrival(alert(1, status=Status.TEST, event_class="test")))
    late = Arrival(Step.UPDATED, alert(1, 2, Phase.UPDATE), b"", first=True)
    assert "begin niet gezien" in line(late)
    known = Arrival(Step.UPDATED, alert(1, 2, Phase.UPDATE), b"", first=False)
    assert "begin niet gezien" not in line(known)
