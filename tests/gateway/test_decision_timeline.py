"""The timeline: ten seconds to either side of the onset, as far as heard, no faster than ten a second."""

from __future__ import annotations

import random

import pytest

from gateway.alerts import AlertFactory, SensorContext, StreamClock
from gateway.contract.encoding import encode
from gateway.contract.types import Alert, Place, replace
from gateway.contract.vocabulary import ClockState, Mode
from gateway.decisions.decider import Decider
from gateway.decisions.rules import DEFAULT_RULES, loud_rule
from tests.gateway.decision_streams import HOP_S, decide, put, quiet


def test_a_start_shows_what_was_before_and_an_end_what_came_after() -> None:
    hops = quiet(60.0)
    put(hops, 30.0, 32.0, {"shout": 0.9, "speech": 0.3}, level_db=70.0)
    start, end = decide(Decider(DEFAULT_RULES), hops)

    early, late = start.timeline, end.timeline
    assert early is not None
    assert late is not None
    assert (early.start_s, early.step_s, len(early.scores)) == (20.0, HOP_S, 84)
    assert (late.start_s, len(late.scores), len(late.laeq_db)) == (20.0, 128, 128)
    assert late.scores[: len(early.scores)] == early.scores
    assert (late.scores[79], late.scores[80], late.scores[96]) == (0.0, 0.9, 0.0)
    assert (late.laeq_db[79], late.laeq_db[80]) == (55.0, 70.0)
    assert (late.rival, late.rival_scores[80], late.missing) == ("speech", 0.3, ())


def test_of_a_long_event_it_stays_what_it_was_ten_seconds_after_the_onset() -> None:
    hops = quiet(120.0)
    put(hops, 30.0, 90.0, {"shout": 0.9}, level_db=70.0)
    end = decide(Decider(DEFAULT_RULES), hops)[-1]
    assert end.timeline is not None
    assert (end.t_s, end.timeline.start_s, len(end.timeline.scores)) == (94.0, 20.0, 160)


def test_what_was_not_heard_is_marked() -> None:
    hops = quiet(40.0)
    put(hops, 20.0, 21.0, {"shout": 0.9}, level_db=70.0)
    heard = [hop for hop in hops if not 15.0 <= hop.start_s < 16.0]
    timeline = decide(Decider(DEFAULT_RULES), heard)[0].timeline
    assert timeline is not None
    assert timeline.missing == tuple(range(40, 48))
    assert len(timeline.scores) == len(timeline.laeq_db) == 84


def test_a_stream_that_just_began_gives_what_there_is() -> None:
    hops = quiet(10.0)
    put(hops, 1.0, 2.0, {"gunshot": 0.9}, level_db=95.0)
    timeline = decide(Decider(DEFAULT_RULES), hops)[0].timeline
    assert timeline is not None
    assert (timeline.start_s, len(timeline.scores)) == (0.0, 9)


def test_a_level_that_was_loud_for_minutes_shows_the_last_stretch_before_it_was_raised() -> None:
    hops = quiet(200.0)
    put(hops, 20.0, 190.0, level_db=90.0)
    start, end = decide(Decider({"loud": loud_rule(80.0, 100.0)}), hops)
    assert start.timeline is not None
    assert end.timeline is not None
    assert start.raised_s == 120.0
    assert start.timeline.scores == ()
    assert (start.timeline.start_s, len(start.timeline.laeq_db)) == (100.0, 160)
    assert end.timeline.laeq_db == start.timeline.laeq_db


@pytest.mark.parametrize(("hop_s", "step_s"), [(0.05, 0.1), (0.125, 0.125), (0.2, 0.2)])
def test_a_step_is_never_shorter_than_a_tenth_of_a_second(hop_s: float, step_s: float) -> None:
    hops = quiet(30.0, hop_s=hop_s)
    put(hops, 20.0, 22.0, {"shout": 0.9}, level_db=70.0)
    end = decide(Decider(DEFAULT_RULES), hops)[-1]
    assert end.timeline is not None
    assert end.timeline.step_s == pytest.approx(step_s)
    assert not end.timeline.missing
    assert max(end.timeline.laeq_db) == pytest.approx(70.0)


@pytest.mark.parametrize("seed", range(20))
def test_in_the_alert_it_is_never_more_than_four_kilobytes(seed: int) -> None:
    chance = random.Random(seed)
    rules = {**DEFAULT_RULES, "loud": loud_rule(80.0, chance.choice((1.0, 12.0, 60.0)))}
    hops = quiet(150.0)
    for index in range(len(hops)):
        begin_s = index * HOP_S
        scores = {"shout": 0.65 + 0.3 * chance.random(), "glass_break": chance.random()}
        put(hops[index : index + 1], begin_s, begin_s, scores)
    put(hops, 40.0, 140.0, {"shout": 0.9876, "scream": 0.8765}, level_db=101.25)
    heard = [hop for hop in hops if hop.start_s < 30.0 or chance.random() < 0.6]
    factory = AlertFactory("site", "gw", "boot")
    place = Place(point=None, zone=None, address=None, cameras=())
    sensor = SensorContext("north", "S-1", 1, place, None, Mode.FULL, "m")
    clock = StreamClock(1_700_000_000.0, ClockState.SYNCED, 5.0)
    alerts = [factory.alert(decision, sensor, clock) for decision in decide(Decider(rules), heard)]
    assert alerts
    for alert in alerts:
        assert alert.timeline is not None
        assert len(encode(alert)) - len(encode_without(alert)) <= 4096


def encode_without(alert: Alert) -> bytes:
    return encode(replace(alert, timeline=None))
