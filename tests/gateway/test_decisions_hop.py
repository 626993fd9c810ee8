"""Settings are seconds: the hop changes what they require by at most one hop."""

from __future__ import annotations

import random

import pytest

from gateway.decisions.decider import Decider, Decision
from gateway.decisions.rules import ClassRule
from tests.gateway.decision_streams import decide, put, quiet

HOPS_S = (0.05, 0.1, 0.125, 0.2, 0.25, 0.4)
_ROUNDING_S = 1e-6


def _sound(rule: ClassRule, hop_s: float, length_s: float) -> list[Decision]:
    hops = quiet(8.0 + length_s + rule.hold_s, hop_s=hop_s)
    put(hops, 4.0, 4.0 + length_s, {"shout": 0.9}, level_db=75.0)
    return decide(Decider({"shout": rule}), hops)


@pytest.mark.parametrize("hop_s", HOPS_S)
def test_the_required_seconds_do_not_depend_on_the_hop(hop_s: float) -> None:
    rng = random.Random(round(hop_s * 1000))
    for _ in range(60):
        window_s = rng.uniform(0.1, 4.0)
        rule = ClassRule(window_s=window_s, required_s=rng.uniform(0.0, window_s))
        start = _sound(rule, hop_s, 4.0 + hop_s)[0]
        waited_s = start.raised_s - 4.0
        assert rule.required_s - _ROUNDING_S <= waited_s <= rule.required_s + hop_s + _ROUNDING_S


@pytest.mark.parametrize("hop_s", HOPS_S)
def test_less_than_required_is_not_enough_at_any_hop(hop_s: float) -> None:
    rng = random.Random(round(hop_s * 1000))
    for _ in range(60):
        required_s = rng.uniform(3 * hop_s, 3.0)
        rule = ClassRule(window_s=3.0, required_s=required_s)
        heard_s = hop_s * int((required_s - _ROUNDING_S) / hop_s)
        assert (_sound(rule, hop_s, heard_s) == []) is (heard_s < required_s - _ROUNDING_S)


@pytest.mark.parametrize("hop_s", HOPS_S)
def test_the_hold_does_not_depend_on_the_hop(hop_s: float) -> None:
    rng = random.Random(round(hop_s * 1000))
    for _ in range(30):
        rule = ClassRule(hold_s=rng.uniform(1.0, 8.0))
        end = _sound(rule, hop_s, 2.0)[-1]
        held_s = end.t_s - end.last_evidence_s
        assert rule.hold_s - _ROUNDING_S <= held_s <= rule.hold_s + hop_s + _ROUNDING_S


@pytest.mark.parametrize("hop_s", HOPS_S)
def test_onset_and_count_do_not_depend_on_the_hop(hop_s: float) -> None:
    rule = ClassRule(required_s=0.0, impulsive=True, refractory_s=0.5)
    hops = quiet(12.0, hop_s=hop_s)
    for bang_s in (4.0, 6.0, 8.0):
        put(hops, bang_s, bang_s + 0.4, {"shout": 0.9}, level_db=90.0)
    decisions = decide(Decider({"shout": rule}), hops)
    assert decisions[-1].count == 3
    assert abs(decisions[0].onset_s - 4.0) <= hop_s
