"""A decision becomes the alert that the contract describes."""

from __future__ import annotations

import json
import math
from dataclasses import replace as changed
from typing import Any

import pytest

from gateway.alerts import AlertFactory, SensorContext, StreamClock, clock_of, event_id, with_published
from gateway.contract.encoding import decode, encode
from gateway.contract.examples import PLACE
from gateway.contract.one_sound import in_doubt
from gateway.contract.types import Alert, Clock, Timeline, TimelineRival, Veto
from gateway.contract.vocabulary import (
    ClockState,
    EndReason,
    Lane,
    Mode,
    Phase,
    Priority,
    Severity,
    Status,
)
from gateway.decisions.decider import Decider, Decision
from gateway.decisions.rules import DEFAULT_RULES
from gateway.decisions.types import EventTimeline
from tests.gateway.decision_streams import decide, put, quiet

FACTORY = AlertFactory("harbour", "gw-1", "boot-1")
SENSOR = SensorContext(
    sensor_id="square-north",
    serial="AS-00017",
    epoch=212,
    place=PLACE,
    calibration_id="cal-1",
    mode=Mode.FULL,
    model_id="street-1",
)
CLOCK = StreamClock(zero_utc_s=1773528000.0, state=ClockState.SYNCED, error_ms=11.2)
START = Decision(
    phase=Phase.START,
    event_class="shout",
    revision=0,
    onset_s=67.25,
    raised_s=68.0,
    last_evidence_s=68.0,
    t_s=68.0,
    severity=Severity.MEDIUM,
    count=1,
    score=0.912345,
    runners_up=(("scream", 0.4),),
    laeq_db=78.16,
    lafmax_db=84.94,
    above_ambient_db=17.449,
    end_reason=None,
)


def test_an_alert_says_what_the_decision_says() -> None:
    alert = FACTORY.alert(START, SENSOR, CLOCK)

    assert (alert.site, alert.gateway, alert.boot_id) == ("harbour", "gw-1", "boot-1")
    assert (alert.phase, alert.revision, alert.event_class) == (Phase.START, 0, "shout")
    assert (alert.severity, alert.priority, alert.status) == (Severity.MEDIUM, Priority.LOOK, Status.ACTUAL)
    assert (alert.score, alert.runners_up[0].event_class, alert.runners_up[0].score) == (
        0.9123,
        "scream",
        0.4,
    )
    assert (alert.laeq_db, alert.lafmax_db, alert.above_ambient_db) == (78.2, 84.9, 17.4)
    assert (alert.calibrated, alert.calibration_id, alert.model_id) == (True, "cal-1", "street-1")
    assert alert.sound_onset_utc == "2026-03-14T22:41:07.250Z"
    assert alert.detected_utc == alert.last_evidence_utc == "2026-03-14T22:41:08.000Z"
    assert alert.clock == Clock(state=ClockState.SYNCED, error_ms=12)
    assert alert.place == PLACE
    (heard,) = alert.sensors
    assert (heard.sensor_id, heard.serial, heard.boot_epoch, heard.lafmax_db) == (
        "square-north",
        "AS-00017",
        212,
        84.9,
    )
    assert (alert.seq, alert.published_utc, alert.incident_id, alert.vetoes) == (None, None, None, ())
    assert FACTORY.topic(alert) == "aggression/v1/harbour/gw-1/event/shout"
    assert decode(encode(alert), Alert) == alert


def test_every_decision_of_a_stream_makes_a_valid_alert() -> None:
    hops = quiet(30.0)
    put(hops, 5.0, 9.0, {"scream": 0.9, "gunshot": 0.9, "speech": 0.2}, level_db=80.0)
    put(hops, 6.0, 6.125, level_db=110.0)
    alerts = [FACTORY.alert(d, SENSOR, CLOCK) for d in decide(Decider(DEFAULT_RULES), hops)]
    assert len(alerts) >= 5
    assert len({alert.event_id for alert in alerts}) == 2
    assert len({(alert.event_id, alert.revision) for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert decode(encode(alert), Alert) == alert


def test_the_event_id_is_made_of_serial_epoch_onset_sample_and_class() -> None:
    # printf "AS-00017|212|3228000|shout" | sha256sum
    assert event_id("AS-00017", 212, 67.25, "shout") == "c7b638e10988ab1fd5a5230c0d019c68"
    assert FACTORY.alert(START, SENSOR, CLOCK).event_id == event_id("AS-00017", 212, 67.25, "shout")


def test_the_event_id_survives_a_crash_and_a_clock_correction() -> None:
    again = AlertFactory("harbour", "gw-1", "boot-2")
    later = StreamClock(zero_utc_s=0.0, state=ClockState.UNSYNCED, error_ms=None)
    update = changed(START, phase=Phase.UPDATE, revision=1, t_s=70.0)
    ids = {
        FACTORY.alert(START, SENSOR, CLOCK).event_id,
        again.alert(START, SENSOR, later).event_id,
        again.alert(update, changed(SENSOR, calibration_id=None), CLOCK).event_id,
    }
    assert len(ids) == 1


def test_events_differ_in_id_when_any_part_differs() -> None:
    ids = {
        event_id("A", 1, 1.0, "shout"),
        event_id("B", 1, 1.0, "shout"),
        event_id("A", 2, 1.0, "shout"),
        event_id("A", 1, 1.125, "shout"),
        event_id("A", 1, 1.0, "scream"),
    }
    assert len(ids) == 5


def test_an_uncalibrated_sensor_and_missing_knowledge_are_said() -> None:
    plain = changed(START, score=None, runners_up=(), above_ambient_db=None, event_class="loud")
    sensor = changed(SENSOR, calibration_id=None, mode=Mode.LEVEL_ONLY, model_id=None)
    clock = StreamClock(zero_utc_s=0.0, state=ClockState.UNSYNCED, error_ms=None)

    alert = FACTORY.alert(plain, sensor, clock)

    wire = json.loads(encode(alert))
    assert (wire["calibrated"], wire["calibration_id"]) == (False, None)
    assert (wire["sensors"][0]["calibrated"], wire["sensors"][0]["above_ambient_db"]) == (False, None)
    assert (wire["score"], wire["above_ambient_db"], wire["model_id"]) == (None, None, None)
    assert wire["mode"] == "level_only"
    assert wire["clock"] == {"state": "unsynced", "error_ms": None}
    assert wire["sound_onset_utc"] == "1970-01-01T00:01:07.250Z"


def test_an_end_says_why_and_when_the_last_evidence_was() -> None:
    end = changed(START, phase=Phase.END, revision=3, t_s=80.0, end_reason=EndReason.SENSOR_LOST)
    alert = FACTORY.alert(end, SENSOR, CLOCK)
    assert (alert.phase, alert.end_reason, alert.revision) == (Phase.END, "sensor_lost", 3)
    assert alert.last_evidence_utc == "2026-03-14T22:41:08.000Z"
    assert alert.detected_utc == "2026-03-14T22:41:20.000Z"


def test_an_orphan_is_ended_from_what_was_stored() -> None:
    sent = sent_at(FACTORY.alert(START, SENSOR, CLOCK), 1773528068.02, seq=41)
    stored = decode(encode(sent), Alert)
    assert isinstance(stored, Alert)
    restarted = AlertFactory("harbour", "gw-renamed", "boot-2")

    end = restarted.orphan_end(
        stored, EndReason.GATEWAY_RESTARTED, 1773528100.0, clock_of(ClockState.UNSYNCED, None)
    )

    assert (end.event_id, end.revision, end.phase) == (stored.event_id, 1, Phase.END)
    assert (end.end_reason, end.boot_id, end.severity) == ("gateway_restarted", "boot-2", stored.severity)
    assert (end.detected_utc, end.published_utc, end.seq) == ("2026-03-14T22:41:40.000Z", None, None)
    assert (end.sound_onset_utc, end.place) == (stored.sound_onset_utc, PLACE)
    assert end.clock.state is ClockState.UNSYNCED
    assert restarted.topic(end) == FACTORY.topic(stored), "it ends where it started"
    assert decode(encode(end), Alert) == end


def sent_at(alert: Alert, utc_s: float, seq: int | None, **told: Any) -> Alert:
    given: dict[str, Any] = {"lane": Lane.LIVE, "numbering": "0" * 16, "historical": False, "age_s": 0.0}
    return with_published(alert, utc_s, seq=seq, **(given | told))


def test_the_moment_of_sending_is_put_in_at_the_end() -> None:
    alert = FACTORY.alert(START, SENSOR, CLOCK)
    live = sent_at(alert, 1773528068.0214, seq=7, age_s=0.02149)
    assert (live.published_utc, live.seq, live.lane) == ("2026-03-14T22:41:08.021Z", 7, Lane.LIVE)
    assert (live.numbering, live.historical, live.age_s, live.durable) == ("0" * 16, False, 0.021, True)
    late = sent_at(alert, 1773531668.0, seq=9, lane=Lane.HISTORICAL, historical=True, age_s=None)
    assert (late.lane, late.historical, late.age_s) == (Lane.HISTORICAL, True, None)
    assert (late.event_id, late.detected_utc) == (alert.event_id, alert.detected_utc)
    unstored = sent_at(alert, 1773528068.0, seq=None, numbering=None, durable=False)
    assert (unstored.seq, unstored.durable) == (None, False)


def test_a_path_test_starts_and_ends_at_once_and_is_never_real() -> None:
    clock = clock_of(ClockState.SYNCED, 3.0)
    start, end = FACTORY.path_test("one", 1773528068.0, clock)
    assert [(one.revision, one.phase) for one in (start, end)] == [(0, Phase.START), (1, Phase.END)]
    assert {one.status for one in (start, end)} == {Status.TEST}
    assert start.event_id == end.event_id != FACTORY.path_test("two", 1773528068.0, clock)[0].event_id
    assert FACTORY.topic(start) == "aggression/v1/harbour/gw-1/event/test"
    assert decode(encode(start), Alert) == start


def test_tests_and_exercises_are_marked() -> None:
    factory = AlertFactory("harbour", "gw-1", "boot-1", status=Status.EXERCISE)
    assert factory.alert(START, SENSOR, CLOCK).status is Status.EXERCISE


def test_ids_that_no_topic_can_carry_are_misuse() -> None:
    with pytest.raises(ValueError, match="site"):
        AlertFactory("har/bour", "gw-1", "boot-1")


def test_a_level_that_is_none_is_caught_before_it_leaves() -> None:
    with pytest.raises(ValueError, match="laeq_db"):
        encode(FACTORY.alert(changed(START, laeq_db=math.nan), SENSOR, CLOCK))


def test_vetoes_the_usual_level_and_the_timeline_are_told() -> None:
    heard = EventTimeline(57.25, 0.125, (0.004, 0.918), (60.04, 78.16), (1,), "speech", (0.3, 0.456))
    decision = changed(START, vetoes=("siren", "wind"), above_usual_db=21.449, timeline=heard)
    alert = FACTORY.alert(decision, SENSOR, CLOCK)

    assert alert.vetoes == (Veto(code="siren", outweighed=True), Veto(code="wind", outweighed=True))
    doubted = FACTORY.alert(changed(decision, doubted=True), SENSOR, CLOCK)
    assert [veto.outweighed for veto in doubted.vetoes] == [False, False]
    assert (in_doubt(alert), in_doubt(doubted)) == (False, True)
    assert alert.above_usual_db == 21.4
    assert alert.timeline == Timeline(
        start_utc="2026-03-14T22:40:57.250Z",
        step_s=0.125,
        scores=(0.0, 0.92),
        laeq_db=(60.0, 78.2),
        missing=(1,),
        rival=TimelineRival(event_class="speech", scores=(0.3, 0.46)),
    )
    assert FACTORY.alert(START, SENSOR, CLOCK).timeline is None
