"""What raises, continues, updates and ends an event."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gateway.decisions.decider import Decider, EndReason, Phase, Severity
from gateway.decisions.rules import DEFAULT_RULES, ClassRule, loud_rule
from tests.gateway.decision_streams import HOP_S, decide, phases, put, quiet


def test_a_shout_starts_and_ends_once_with_one_story() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 6.0, {"shout": 0.9, "speech": 0.3, "laugh": 0.05, "dog": 0.001}, level_db=70.0)

    start, end = decide(Decider(DEFAULT_RULES), hops)

    assert (start.phase, start.event_class, start.revision) == (Phase.START, "shout", 0)
    assert (start.onset_s, start.raised_s, start.t_s) == (5.0, 5.5, 5.5)
    assert (start.score, start.runners_up) == (0.9, (("speech", 0.3), ("laugh", 0.05)))
    assert (start.laeq_db, start.lafmax_db, start.above_ambient_db) == (pytest.approx(70.0), 72.0, 15.0)
    assert (start.severity, start.count, start.end_reason) == (Severity.MEDIUM, 1, None)
    assert (end.phase, end.revision, end.end_reason) == (Phase.END, 1, EndReason.CLEARED)
    assert (end.onset_s, end.raised_s, end.last_evidence_s, end.t_s) == (5.0, 5.5, 6.0, 10.0)


def test_evidence_may_come_in_pieces_but_must_lie_in_the_window() -> None:
    scattered = quiet(20.0)
    for begin_s in (5.0, 5.375, 5.75, 6.125):
        put(scattered, begin_s, begin_s + HOP_S, {"shout": 0.9}, level_db=70.0)
    thin = quiet(20.0)
    for begin_s in (5.0, 5.5, 6.0, 6.5, 7.0, 7.5):
        put(thin, begin_s, begin_s + HOP_S, {"shout": 0.9}, level_db=70.0)

    assert phases(decide(Decider(DEFAULT_RULES), scattered)) == ["start shout", "end shout"]
    assert phases(decide(Decider(DEFAULT_RULES), thin)) == []


def test_between_off_and_on_an_event_goes_on_but_does_not_begin() -> None:
    never = quiet(20.0)
    put(never, 5.0, 15.0, {"shout": 0.5}, level_db=70.0)
    goes_on = quiet(30.0)
    put(goes_on, 5.0, 6.0, {"shout": 0.9}, level_db=70.0)
    put(goes_on, 6.0, 15.0, {"shout": 0.5}, level_db=70.0)

    assert decide(Decider(DEFAULT_RULES), never) == []
    decisions = decide(Decider(DEFAULT_RULES), goes_on)
    assert phases(decisions) == ["start shout", "end shout"]
    assert decisions[-1].last_evidence_s == 15.0


def test_evidence_within_the_hold_continues_and_after_it_begins_anew() -> None:
    hops = quiet(40.0)
    for begin_s in (5.0, 9.5, 20.0):
        put(hops, begin_s, begin_s + 1.0, {"shout": 0.9}, level_db=70.0)

    decisions = decide(Decider(DEFAULT_RULES), hops)

    assert phases(decisions) == ["start shout", "end shout", "start shout", "end shout"]
    assert [decision.last_evidence_s for decision in decisions] == [5.5, 10.5, 20.5, 21.0]


def test_a_shot_inside_a_scream_is_an_event_of_its_own() -> None:
    hops = quiet(30.0)
    put(hops, 5.0, 12.0, {"scream": 0.95}, level_db=75.0)
    put(hops, 8.0, 8.5, {"gunshot": 0.9}, level_db=95.0)
    put(hops, 14.0, 14.5, {"gunshot": 0.9}, level_db=95.0)

    told = phases(decide(Decider(DEFAULT_RULES), hops))

    assert told[:2] == ["start scream", "start gunshot"]
    assert told.count("start gunshot") == 2
    assert told.count("end gunshot") == 2
    assert told.count("end scream") == 1


def test_quiet_sounds_and_sounds_inside_the_background_raise_nothing() -> None:
    faint = quiet(20.0)
    put(faint, 5.0, 8.0, {"shout": 0.99})
    faint = [replace(hop, laeq_db=30.0, lafmax_db=32.0, above_ambient_db=15.0) for hop in faint]
    drowned = quiet(20.0)
    put(drowned, 5.0, 8.0, {"shout": 0.99}, level_db=56.0)

    assert decide(Decider(DEFAULT_RULES), faint) == []
    assert decide(Decider(DEFAULT_RULES), drowned) == []


def test_an_event_as_loud_as_the_background_counts() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 7.0, {"shout": 0.9}, level_db=58.0)  # 0 dB SNR: 3 dB above the background

    assert phases(decide(Decider(DEFAULT_RULES), hops)) == ["start shout", "end shout"]


def test_an_unknown_background_lets_pass_and_severity_goes_by_level() -> None:
    hops = [replace(hop, above_ambient_db=None) for hop in quiet(20.0)]
    put(hops, 2.0, 3.0, {"shout": 0.9}, level_db=84.0, ambient_known=False)

    start, end = decide(Decider(DEFAULT_RULES), hops)

    assert start.above_ambient_db is None
    assert (start.severity, end.severity) == (Severity.HIGH, Severity.HIGH)


def test_the_gates_remember_a_bang_that_scores_late() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 5.125, level_db=95.0)
    put(hops, 5.5, 6.0, {"gunshot": 0.9})
    too_late = quiet(20.0)
    put(too_late, 5.0, 5.125, level_db=95.0)
    put(too_late, 6.25, 6.75, {"gunshot": 0.9})

    start, end = decide(Decider(DEFAULT_RULES), hops)

    assert (start.onset_s, start.lafmax_db, start.above_ambient_db) == (5.0, 97.0, 40.0)
    assert end.count == 1
    assert decide(Decider(DEFAULT_RULES), too_late) == []


def test_each_impulse_counts_once_and_updates_wait_their_second() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 8.5, {"gunshot": 0.9}, level_db=70.0)
    for bang_s in (5.0, 5.5, 6.0, 6.125, 8.0):  # 6.125 is the same rise as 6.0
        put(hops, bang_s, bang_s + HOP_S, level_db=95.0)

    decisions = decide(Decider(DEFAULT_RULES), hops)

    assert [(d.phase.value, d.count, d.t_s) for d in decisions] == [
        ("start", 1, 5.125),
        ("update", 2, 5.625),
        ("update", 3, 6.625),
        ("update", 4, 8.125),
        ("end", 4, 11.5),
    ]
    assert [d.revision for d in decisions] == [0, 1, 2, 3, 4]


def test_a_pending_change_is_told_later_without_more_evidence() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 5.75, {"gunshot": 0.9}, level_db=70.0)
    for bang_s in (5.0, 5.375, 5.75):
        put(hops, bang_s, bang_s + HOP_S, {"gunshot": 0.9}, level_db=95.0)

    decisions = decide(Decider(DEFAULT_RULES), hops)

    assert [(d.phase.value, d.count) for d in decisions] == [
        ("start", 1),
        ("update", 2),
        ("update", 3),
        ("end", 3),
    ]
    assert decisions[2].t_s == decisions[1].t_s + 1.0


def test_a_rise_far_below_the_loudest_is_no_impulse() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 7.0, {"gunshot": 0.9}, level_db=60.0)
    put(hops, 5.0, 5.125, level_db=100.0)
    put(hops, 6.0, 6.125, level_db=75.0)

    assert [d.count for d in decide(Decider(DEFAULT_RULES), hops)] == [1, 1]


def test_a_rise_long_before_the_evidence_goes_on_is_no_impulse() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 5.5, {"gunshot": 0.9}, level_db=95.0)
    put(hops, 6.0, 6.125, level_db=95.0)  # a door that does not score
    put(hops, 8.0, 8.5, {"gunshot": 0.9})

    assert [d.count for d in decide(Decider(DEFAULT_RULES), hops)] == [1, 1]


def test_the_best_score_is_told_with_what_came_next_then() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 6.0, {"shout": 0.7, "speech": 0.2}, level_db=70.0)
    put(hops, 6.0, 7.0, {"shout": 0.9, "laugh": 0.1})
    put(hops, 7.0, 8.0, {"shout": 0.8, "speech": 0.6})
    put(hops, 6.0, 8.0, level_db=70.0)

    start, end = decide(Decider(DEFAULT_RULES), hops)

    assert (start.score, start.runners_up) == (0.7, (("speech", 0.2),))
    assert (end.score, end.runners_up) == (0.9, (("laugh", 0.1),))


def test_severity_rises_and_never_falls() -> None:
    hops = quiet(30.0)
    put(hops, 5.0, 6.0, {"shout": 0.9}, level_db=60.0)
    put(hops, 6.0, 7.0, {"shout": 0.9}, level_db=80.0)
    put(hops, 7.0, 10.0, {"shout": 0.9}, level_db=60.0)

    decisions = decide(Decider(DEFAULT_RULES), hops)

    assert [(d.phase.value, d.severity.value) for d in decisions] == [
        ("start", "low"),
        ("update", "high"),
        ("end", "high"),
    ]


def test_a_gap_is_neither_evidence_nor_silence() -> None:
    hops = quiet(30.0)
    put(hops, 5.0, 6.0, {"shout": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    told = decide(decider, [hop for hop in hops if hop.t_s <= 6.0])
    decider.gap(3.0)
    put(hops, 9.0, 10.0, {"shout": 0.9}, level_db=70.0)
    told += decide(decider, [hop for hop in hops if hop.start_s >= 9.0])
    assert phases(told) == ["start shout", "end shout"]
    assert told[-1].last_evidence_s == 10.0

    # Half the evidence before a gap and half after it is enough when the window spans both.
    split = quiet(9.0)
    put(split, 5.0, 6.0, {"shout": 0.9}, level_db=70.0)
    heard = [hop for hop in split if not 5.25 <= hop.start_s < 5.75]
    assert phases(decide(Decider(DEFAULT_RULES), heard)) == ["start shout"]


def test_a_hold_runs_out_inside_a_gap_and_the_next_evidence_is_a_new_event() -> None:
    hops = quiet(30.0)
    put(hops, 5.0, 6.0, {"shout": 0.9}, level_db=70.0)
    put(hops, 15.0, 16.0, {"shout": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    heard = [hop for hop in hops if hop.t_s <= 6.0 or hop.start_s >= 15.0]

    told = decide(decider, heard)

    assert phases(told) == ["start shout", "end shout", "start shout", "end shout"]
    assert (told[1].t_s, told[1].last_evidence_s, told[2].onset_s) == (15.0, 6.0, 15.0)


def test_close_ends_what_is_open_and_forgets_the_stream() -> None:
    hops = quiet(10.0)
    put(hops, 5.0, 10.0, {"shout": 0.9, "scream": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    assert phases(decide(decider, hops)) == ["start shout", "start scream"]

    ended = decider.close(EndReason.SENSOR_LOST, 12.0)

    assert phases(ended) == ["end shout", "end scream"]
    assert {(d.end_reason, d.t_s, d.revision) for d in ended} == {(EndReason.SENSOR_LOST, 12.0, 1)}
    assert decider.close(EndReason.GATEWAY_STOPPED, 13.0) == []
    # A rebooted sensor's stream clock begins again.
    assert phases(decide(decider, hops)) == ["start shout", "start scream"]


def test_evidence_before_a_close_does_not_help_after_it() -> None:
    hops = quiet(10.0)
    put(hops, 5.0, 5.25, {"shout": 0.9}, level_db=70.0)
    put(hops, 5.5, 5.75, {"shout": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    told = decide(decider, [hop for hop in hops if hop.t_s <= 5.25])
    told += decider.close(EndReason.MODEL_CHANGED, 5.25)
    told += decide(decider, [hop for hop in hops if hop.t_s > 5.25])
    assert told == []


def test_levels_before_a_close_do_not_help_after_it() -> None:
    hops = quiet(10.0)
    put(hops, 5.0, 5.25, level_db=95.0)
    put(hops, 5.25, 6.0, {"gunshot": 0.9})
    first, rest = [hop for hop in hops if hop.t_s <= 5.25], [hop for hop in hops if hop.t_s > 5.25]
    decider = Decider(DEFAULT_RULES)
    assert decide(decider, first) == []
    assert decider.close(EndReason.SENSOR_REBOOTED, 5.25) == []
    assert decide(decider, rest) == []
    assert phases(decide(Decider(DEFAULT_RULES), hops)) == ["start gunshot", "end gunshot"]


def test_close_never_ends_before_what_was_heard_or_known_missing() -> None:
    hops = quiet(10.0)
    put(hops, 5.0, 10.0, {"shout": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    decide(decider, hops)
    decider.gap(1.5)

    (end,) = decider.close(EndReason.SENSOR_REBOOTED, 3.0)

    assert end.t_s == 11.5


def test_an_event_that_goes_on_after_a_change_of_model_has_a_new_onset() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 12.0, {"shout": 0.9}, level_db=70.0)
    decider = Decider(DEFAULT_RULES)
    told = decide(decider, [hop for hop in hops if hop.t_s <= 6.0])
    told += decider.close(EndReason.MODEL_CHANGED, 6.0)
    told += decide(decider, [hop for hop in hops if hop.t_s > 6.0])
    assert [d.onset_s for d in told] == [5.0, 5.0, 6.0, 6.0]


def test_louder_than_x_for_y_seconds_needs_no_model() -> None:
    hops = [replace(hop, scores=None) for hop in quiet(60.0)]
    put(hops, 10.0, 15.0, level_db=82.0)
    put(hops, 30.0, 36.0, level_db=82.0)
    put(hops, 33.0, 33.5, level_db=60.0)  # a breath
    put(hops, 36.0, 38.0, level_db=78.5)
    decider = Decider({**DEFAULT_RULES, "loud": loud_rule(80.0, 5.5)})

    start, end = decide(decider, hops)

    assert (start.event_class, start.onset_s, start.raised_s) == ("loud", 30.0, 36.0)
    assert (start.score, start.runners_up) == (None, ())
    assert end.last_evidence_s == 38.0  # 2 dB of hysteresis


def test_without_scores_only_level_rules_speak() -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 8.0, {"shout": 0.9}, level_db=90.0)
    assert decide(Decider(DEFAULT_RULES), [replace(hop, scores=None) for hop in hops]) == []


@pytest.mark.parametrize("score", [math.nan, -1.0, 0.59])
def test_a_score_that_is_none_raises_nothing(score: float) -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 8.0, {"shout": score}, level_db=90.0)
    assert decide(Decider(DEFAULT_RULES), hops) == []


@pytest.mark.parametrize("level_db", [math.nan, math.inf, -math.inf])
def test_a_hop_without_a_finite_level_is_as_one_that_never_came(level_db: float) -> None:
    hops = quiet(20.0)
    put(hops, 5.0, 6.0, {"shout": 0.9}, level_db=70.0)
    broken = [replace(hop, laeq_db=level_db) if 5.25 <= hop.start_s < 5.5 else hop for hop in hops]
    missing = [hop for hop in hops if not 5.25 <= hop.start_s < 5.5]
    assert decide(Decider(DEFAULT_RULES), broken) == decide(Decider(DEFAULT_RULES), missing)


def test_stream_time_that_stands_still_is_misuse() -> None:
    decider = Decider(DEFAULT_RULES)
    first, second = quiet(0.25)
    decider.step(second)
    with pytest.raises(ValueError, match="after"):
        decider.step(first)
    with pytest.raises(ValueError, match="after"):
        decider.step(second)


def test_an_event_lasts_as_long_as_its_evidence() -> None:
    hops = quiet(3700.0)
    put(hops, 5.0, 3605.0, {"shout": 0.9}, level_db=70.0)
    decisions = decide(Decider({"shout": ClassRule()}), hops)
    assert phases(decisions) == ["start shout", "end shout"]
    assert decisions[-1].laeq_db == pytest.approx(70.0)
