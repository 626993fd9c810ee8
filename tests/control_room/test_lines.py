"""One clear, aligned line for each change, in two languages, that no payload can break."""

from __future__ import annotations

import io
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from control_room.changes import (
    AlertChange,
    BadMessage,
    FaultChange,
    GatewayChange,
    SensorChange,
    SensorRemoved,
    Step,
)
from control_room.incidents import IncidentBook
from control_room.lines import (
    Style,
    alert_line,
    bad_line,
    clock_time,
    fault_lines,
    gateway_line,
    header_lines,
    printable,
    sensor_line,
)
from control_room.notices import Arrival
from control_room.texts import LANGUAGES, text
from control_room.watcher import wants_colour
from gateway.contract.examples import GATEWAY_HEALTH, GATEWAY_STATUS, PLACE, SENSOR_AVAILABILITY
from gateway.contract.types import Alert, Clock, Text, Veto, replace
from gateway.contract.vocabulary import (
    ClockState,
    Lane,
    Mode,
    Phase,
    Presence,
    Priority,
    SensorState,
    Severity,
    Status,
)
from tests.support.alerts import alert

ENGLISH, DUTCH = Style("en", zone=UTC), Style("nl", zone=UTC)
NOW = datetime(2026, 3, 14, 22, 41, 9, tzinfo=UTC)
STEPS = {Phase.START: Step.STARTED, Phase.UPDATE: Step.UPDATED, Phase.END: Step.ENDED}


def line(one: Alert, style: Style = ENGLISH, previous: Alert | None = None) -> str:
    return alert_line(AlertChange(STEPS[one.phase], one, previous), style)


def test_a_start_says_when_what_where_how_loud_and_how_sure() -> None:
    assert line(alert(1, severity=Severity.HIGH)) == (
        "22:41:07              > START    HIGH    scream          Market square 1           "
        "   +17 dB    85 dB(A)   91 %  #0000, camera cam-12"
    )


def test_the_same_in_dutch() -> None:
    told = line(alert(1, event_class="gunshot", severity=Severity.HIGH), DUTCH)
    assert "> BEGIN    HOOG    schot of knal   Market square 1" in told


def test_an_end_says_why() -> None:
    told = line(alert(1, 2, Phase.END, end_reason="sensor_lost"), previous=alert(1))
    assert told.startswith("22:41:08                END      MEDIUM")
    assert told.endswith("#0000, sensor lost")


@pytest.mark.parametrize(("status", "word"), [(Status.TEST, "*TEST*"), (Status.EXERCISE, "*OEFENING*")])
def test_what_is_not_real_is_loud_and_before_everything_else(status: Status, word: str) -> None:
    assert line(alert(1, status=status), DUTCH).split()[1] == word
    assert f"\x1b[7m{word}" in line(alert(1, status=status), Style("nl", colour=True, zone=UTC))


def test_what_must_be_doubted_is_said() -> None:
    doubtful = alert(
        1,
        3,
        Phase.UPDATE,
        calibrated=False,
        calibration_id=None,
        above_ambient_db=None,
        score=None,
        count=3,
        lane=Lane.HISTORICAL,
        historical=True,
        age_s=7500.0,
        mode=Mode.LEVEL_ONLY,
        model_id=None,
        clock=Clock(state=ClockState.UNSYNCED, error_ms=None),
    )
    told = line(doubtful)
    assert "~85 dB(A)      -" in told
    for remark in (
        "start not seen",
        "3 times",
        "*OLD*",
        "on its way 2 h 5 min",
        "not calibrated",
        "levels only",
        "clock not set",
    ):
        assert remark in told
    assert "start not seen" not in line(doubtful, previous=alert(1))


def test_columns_stand_under_each_other_and_under_their_head() -> None:
    told = [
        line(
            alert(1, severity=severity, event_class=event_class, status=status, lafmax_db=level, score=score)
        )
        for severity in Severity
        for event_class in ("shout", "glass_break", "gunshot")
        for status in Status
        for level, score in ((51.0, None), (121.4, 1.0))
    ]
    head = header_lines(ENGLISH)[0]
    where = head.index("level") + len("level")
    assert {text[:where].endswith("dB(A)") for text in told} == {True}
    assert {text.index("Market") for text in told} == {head.index("place")}
    assert len({text.index("#") for text in told}) == 1


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_line_of_an_alert_is_wider_than_its_columns_and_remarks(language: str) -> None:
    endless = replace(PLACE, address="x" * 500)
    told = line(alert(1, place=endless), Style(language, zone=UTC))
    assert len(told) < 140
    assert "x~" in told


def test_without_an_address_zone_and_sensor_name_the_place() -> None:
    assert "market square (square-nor" in line(alert(1, place=replace(PLACE, address=None)))
    assert "square-north " in line(alert(1, place=replace(PLACE, address=None, zone=None)))


def test_times_are_local_times_of_the_sound() -> None:
    amsterdam = timezone(timedelta(hours=1))
    assert clock_time("2026-03-14T23:59:59.900Z", amsterdam) == "00:59:59"
    later = alert(1, 1, Phase.UPDATE, last_evidence_utc="2026-03-14T22:43:30.000Z")
    assert line(later).startswith("22:43:30")


def test_nothing_from_the_broker_steers_the_terminal() -> None:
    nasty = "\x1b[2J\x07\r\n\u202ename\u2028\x9b31m"
    assert printable(nasty) == "?[2J????name??31m"
    told = [
        line(alert(1, place=replace(PLACE, address=nasty, cameras=()))),
        sensor_line(
            SensorChange(
                replace(SENSOR_AVAILABILITY, state=SensorState.REFUSED, message=Text(en=nasty, nl=nasty))
            ),
            NOW,
            ENGLISH,
        ),
        bad_line(BadMessage(nasty, nasty), 1, NOW, ENGLISH),
    ]
    assert not any(re.search(r"[\x00-\x1f\x7f-\x9f]", one) for one in told)


def test_gateways_and_sensors_that_go_are_told_in_capitals() -> None:
    gone = replace(GATEWAY_STATUS, state=Presence.OFFLINE, reason="connection_lost")
    assert gateway_line(GatewayChange(GATEWAY_STATUS, 0), NOW, ENGLISH).endswith(
        "gateway  harbour/gw-1  online"
    )
    told = gateway_line(GatewayChange(gone, 4), NOW, DUTCH)
    assert "NIET VERBONDEN  verbinding weggevallen, sensoren ervan niet gehoord: 4" in told
    lost = replace(SENSOR_AVAILABILITY, state=SensorState.OFFLINE, reason="something_new")
    assert "square-north  OFFLINE  something_new, Market square 1" in sensor_line(
        SensorChange(lost), NOW, ENGLISH
    )


def test_an_uncalibrated_sensor_says_so_as_it_comes() -> None:
    raw = replace(SENSOR_AVAILABILITY, calibrated=False, calibration_id=None)
    assert sensor_line(SensorChange(raw), NOW, DUTCH).endswith("niet gekalibreerd")
    assert "gekalibreerd" not in sensor_line(SensorChange(SENSOR_AVAILABILITY), NOW, DUTCH)


def test_a_removed_sensor_and_faults_have_lines() -> None:
    assert sensor_line(SensorRemoved("s", "g", "n"), NOW, DUTCH).endswith("s/g/n  weggehaald")
    (fault,) = GATEWAY_HEALTH.faults
    raised, cleared = fault_lines(FaultChange(GATEWAY_HEALTH, (fault,), (fault,)), NOW, ENGLISH)
    assert "FAULT    harbour/gw-1  No data from this sensor  square-south" in raised
    assert "solved" in cleared


def test_colour_never_changes_the_words() -> None:
    for one in (alert(1), alert(1, 1, Phase.END), alert(2, status=Status.TEST, severity=Severity.LOW)):
        plain, coloured = line(one), line(one, Style("en", colour=True, zone=UTC))
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_needs_a_terminal_and_nobody_who_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not wants_colour(Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())


def test_texts_exist_in_both_languages_and_others_are_refused() -> None:
    assert text("lost", "nl", where="w", detail="d").startswith("w: VERBINDING WEG (d)")
    with pytest.raises(KeyError):
        text("no_such_key", "en")
    with pytest.raises(ValueError, match="fr"):
        text("lost", "fr", where="", detail="")


def test_what_is_confirmed_says_so_and_by_whom() -> None:
    sure = alert(1, priority=Priority.GO, confirmed_by=("sensor", "person"))
    assert "#0000, GO (a second sensor, a person), camera" in line(sure)
    assert "#0000, GAAN (een tweede sensor, een mens), camera" in line(sure, DUTCH)
    assert "GO (code_of_tomorrow)" in line(replace(sure, confirmed_by=("code_of_tomorrow",)))
    assert "#0000, GO, camera" in line(replace(sure, confirmed_by=()))
    assert "GO" not in line(alert(1))


def test_what_speaks_against_an_alert_is_said_in_both_languages() -> None:
    doubted = alert(1, vetoes=(Veto(code="siren"), Veto(code="code_of_tomorrow")))
    assert "perhaps siren / code_of_tomorrow" in line(doubted)
    assert "misschien sirene / code_of_tomorrow" in line(doubted, DUTCH)
    stands = alert(1, vetoes=(Veto(code="wind", outweighed=True),))
    assert "meanwhile: wind at the microphone" in line(stands)
    assert "tegelijk: wind op de microfoon" in line(stands, DUTCH)
    for one in (alert(1), stands):
        assert "perhaps" not in line(one)
    assert "meanwhile" not in line(doubted)


def test_lines_of_one_incident_say_which_and_how_many_sensors() -> None:
    book = IncidentBook()
    (heard,) = alert(1).sensors
    second = replace(heard, sensor_id="square-east", serial="AS-2")
    told = []
    for one in (alert(1), alert(2, gateway="gw-2", sensors=(second,))):
        step = book.take(one)
        told.append(alert_line(Arrival(Step.STARTED, one, b"", incident=step), DUTCH))
    assert "incident" not in told[0]
    assert "GAAN (een tweede sensor), incident #0000: 2 sensoren, 2 gateways" in told[1]
