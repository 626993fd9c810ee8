"""Vetoes weigh evidence down, never away: strong evidence stands, the rest waits or is counted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest

from gateway.contract.vocabulary import EventClass, VetoCode
from gateway.decisions.decider import Decider, EndReason, Evidence, HeldBack, Severity
from gateway.decisions.rules import DEFAULT_RULES, loud_rule
from gateway.decisions.vetoes import EFFECTS, Effect, strong_score
from tests.gateway.decision_streams import HOP_S, decide, phases, put, quiet

WEAK = 0.65
STRONG = 0.95


def vetoed(hops: Iterable[Evidence], *codes: VetoCode) -> list[Evidence]:
    return [replace(hop, vetoes=tuple(codes)) for hop in hops]


def sound(
    seconds: float, score: float, event_class: str = "scream", level_db: float = 70.0
) -> list[Evidence]:
    hops = quiet(20.0)
    put(hops, 5.0, 5.0 + seconds, {event_class: score}, level_db=level_db)
    return hops


def held(hops: Iterable[Evidence]) -> tuple[list[str], tuple[HeldBack, ...]]:
    decider = Decider(DEFAULT_RULES)
    return phases(decide(decider, hops)), decider.take_held_back()


def test_a_siren_holds_weak_screams_back_and_counts_each_of_them_once() -> None:
    hops = sound(1.0, WEAK)
    put(hops, 10.0, 12.0, {"scream": WEAK + 0.1}, level_db=70.0)

    told, held_back = held(vetoed(hops, VetoCode.SIREN))

    assert told == []
    assert [(one.event_class, one.vetoes, one.t_s, one.score) for one in held_back] == [
        ("scream", ("siren",), 5.5, WEAK),
        ("scream", ("siren",), 10.5, WEAK + 0.1),
    ]


def test_what_was_no_event_anyway_is_not_counted_as_held_back() -> None:
    assert held(vetoed(sound(0.25, WEAK), VetoCode.SIREN)) == ([], ())
    assert held(vetoed(sound(1.0, 0.5), VetoCode.SIREN)) == ([], ())


def test_what_is_held_back_when_the_stream_ends_is_counted_as_well() -> None:
    decider = Decider(DEFAULT_RULES)
    assert decide(decider, vetoed(sound(1.0, WEAK)[: round(6.0 / HOP_S)], VetoCode.SIREN)) == []
    assert decider.take_held_back() == ()
    assert decider.close(EndReason.SENSOR_LOST, 6.0) == []
    assert [one.vetoes for one in decider.take_held_back()] == [("siren",)]
    assert decider.take_held_back() == ()


@pytest.mark.parametrize("code", VetoCode)
@pytest.mark.parametrize("event_class", ["shout", "scream", "glass_break", "gunshot"])
def test_strong_evidence_stands_as_if_there_were_no_veto(code: VetoCode, event_class: str) -> None:
    hops = sound(1.0, STRONG, event_class)
    plain = decide(Decider(DEFAULT_RULES), hops)
    weighed = decide(Decider(DEFAULT_RULES), vetoed(hops, code))
    assert [replace(one, vetoes=()) for one in weighed] == plain
    assert all(one.vetoes in ((), (code.value,)) for one in weighed)


def test_a_siren_says_nothing_against_a_shot() -> None:
    start, end = decide(Decider(DEFAULT_RULES), vetoed(sound(0.5, WEAK, "gunshot", 90.0), VetoCode.SIREN))
    assert (start.severity, start.vetoes, end.vetoes) == (Severity.HIGH, (), ())


def test_weak_evidence_in_the_wind_must_last_longer_and_counts_less() -> None:
    windy = vetoed(sound(3.0, WEAK, level_db=80.0), VetoCode.WIND)
    plain = decide(Decider(DEFAULT_RULES), sound(3.0, WEAK, level_db=80.0))[0]
    start = decide(Decider(DEFAULT_RULES), windy)[0]
    assert (plain.raised_s, plain.severity, plain.vetoes) == (5.5, Severity.HIGH, ())
    assert (start.raised_s, start.severity, start.vetoes) == (6.0, Severity.MEDIUM, ("wind",))
    assert (plain.doubted, start.doubted) == (False, True)
    told, held_back = held(vetoed(sound(0.75, WEAK), VetoCode.WIND))
    assert (told, [one.vetoes for one in held_back]) == ([], [("wind",)])


def test_severity_rises_once_enough_comes_without_the_veto() -> None:
    hops = vetoed(sound(4.0, WEAK, level_db=80.0), VetoCode.WIND)
    hops = [replace(hop, vetoes=()) if hop.start_s >= 7.0 else hop for hop in hops]
    told = [(one.phase.value, one.severity.value, one.t_s) for one in decide(Decider(DEFAULT_RULES), hops)]
    assert told == [("start", "medium", 6.0), ("update", "high", 7.5), ("end", "high", 13.0)]


def test_a_doubt_is_over_once_enough_comes_in_spite_of_the_veto_and_that_is_told() -> None:
    hops = vetoed(sound(4.0, WEAK), VetoCode.WIND)
    strong = [hop for hop in hops if 7.0 <= hop.start_s < 7.5]
    hops = [replace(hop, scores={"scream": STRONG}) if hop in strong else hop for hop in hops]
    told = [(one.phase.value, one.vetoes, one.doubted) for one in decide(Decider(DEFAULT_RULES), hops)]
    assert told == [("start", ("wind",), True), ("update", ("wind",), False), ("end", ("wind",), False)]


def test_a_veto_that_comes_later_is_told_in_an_update() -> None:
    hops = sound(4.0, WEAK)
    hops = [replace(hop, vetoes=(VetoCode.SIREN,)) if hop.start_s >= 7.0 else hop for hop in hops]
    told = [(one.phase.value, one.vetoes) for one in decide(Decider(DEFAULT_RULES), hops)]
    assert told == [("start", ()), ("update", ("siren",)), ("end", ("siren",))]


def test_a_plain_level_is_raised_all_the_same_but_a_grade_lower() -> None:
    rules = {"loud": loud_rule(80.0, 2.0)}
    hops = [replace(hop, scores=None) for hop in quiet(20.0)]
    put(hops, 5.0, 9.0, level_db=90.0)
    plain, windy = (decide(Decider(rules), each)[0] for each in (hops, vetoed(hops, VetoCode.WIND)))
    assert (plain.raised_s, plain.severity) == (7.0, Severity.HIGH)
    assert (windy.raised_s, windy.severity, windy.vetoes) == (7.0, Severity.MEDIUM, ("wind",))


def test_clipping_is_told_and_changes_nothing() -> None:
    for event_class, effect in EFFECTS[VetoCode.OVERLOAD.value].items():
        assert effect is Effect.TELL, event_class


def test_every_veto_has_an_effect_somewhere_and_names_only_what_is_known() -> None:
    assert set(EFFECTS) == {code.value for code in VetoCode}
    for effects in EFFECTS.values():
        assert set(effects) <= {one.value for one in EventClass}
        assert max(effects.values()) >= Effect.TELL


@pytest.mark.parametrize("hop_s", [0.1, 0.125, 0.2, 0.25])
def test_how_much_longer_does_not_depend_on_the_hop(hop_s: float) -> None:
    hops = quiet(12.0, hop_s=hop_s)
    put(hops, 5.0, 9.0, {"shout": WEAK}, level_db=70.0)
    start = decide(Decider(DEFAULT_RULES), vetoed(hops, VetoCode.WIND))[0]
    assert 1.0 - 1e-6 <= start.raised_s - 5.0 <= 1.0 + hop_s + 1e-6


def test_the_strong_score_lies_between_the_threshold_and_one() -> None:
    scores = [strong_score(on) for on in (0.001, 0.5, 0.6, 0.9, 0.99, 1.0)]
    assert all(one < other for one, other in itertools.pairwise(scores))
    assert strong_score(0.6) == pytest.approx(0.8705, abs=1e-4)
    assert strong_score(1.0) == 1.0
