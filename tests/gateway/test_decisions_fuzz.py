"""10,000 seeded streams of anything: what must hold of every event, holds."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest

from gateway.contract.vocabulary import severity_rank
from gateway.decisions.decider import Decider, Decision, EndReason, Evidence, Phase
from gateway.decisions.rules import DEFAULT_RULES, ClassRule, loud_rule

SEQUENCES = 10_000
CLASSES = ("shout", "gunshot", "loud")


def _rules(rng: random.Random) -> dict[str, ClassRule]:
    hold_s = rng.choice((1.0, 1.5, 3.0))
    return {
        "shout": replace(DEFAULT_RULES["shout"], hold_s=hold_s, required_s=rng.choice((0.0, 0.25, 0.5))),
        "gunshot": replace(DEFAULT_RULES["gunshot"], hold_s=hold_s),
        "loud": loud_rule(80.0, rng.choice((0.5, 2.0)), hold_s=hold_s),
    }


def _sequence(rng: random.Random) -> list[Decision]:
    """One stream with gaps, jumps, missing scores, unknown background and endings."""
    decider = Decider(_rules(rng))
    decided: list[Decision] = []
    hop_s = rng.choice((0.1, 0.125, 0.25))
    t_s = rng.uniform(0.0, 1000.0)
    busy = rng.random()
    for _ in range(rng.randrange(1, 60)):
        event = rng.random()
        if event < 0.02:
            decided += decider.close(rng.choice(list(EndReason)), t_s)
            t_s = rng.choice((t_s, t_s, t_s + 5.0))
        elif event < 0.06:
            missing_s = hop_s * rng.randrange(1, 30)
            if rng.random() < 0.5:
                decider.gap(missing_s)
            t_s += missing_s
        t_s += hop_s
        level_db = rng.choice((40.0, 60.0, 75.0, 85.0, 100.0)) + rng.random()
        decided += decider.step(
            Evidence(
                t_s=t_s,
                hop_s=hop_s,
                scores=None if rng.random() < 0.05 else _scores(rng, busy),
                laeq_db=level_db,
                lafmax_db=level_db + 8.0 * rng.random(),
                above_ambient_db=None if rng.random() < 0.2 else level_db - 60.0,
            )
        )
    return decided + decider.close(EndReason.GATEWAY_STOPPED, t_s)


def _scores(rng: random.Random, busy: float) -> dict[str, float]:
    return {name: rng.random() if rng.random() < busy else 0.0 for name in ("shout", "gunshot", "speech")}


def _check_class(decisions: Iterable[Decision]) -> int:
    """Follow one class's messages; returns the number of its events."""
    events = 0
    current: Decision | None = None
    updated_s: float | None = None
    ended_s = -1e9
    for decision in decisions:
        if decision.phase is Phase.START:
            assert current is None, "a start inside an open event"
            assert decision.revision == 0
            assert ended_s - 1e-6 <= decision.onset_s <= decision.raised_s == decision.t_s
            events, updated_s = events + 1, None
        else:
            assert current is not None, "a message after the end"
            assert decision.revision == current.revision + 1
            assert severity_rank(decision.severity) >= severity_rank(current.severity)
            assert decision.count >= current.count
            assert decision.t_s >= current.t_s
            assert (decision.onset_s, decision.raised_s) == (current.onset_s, current.raised_s)
            assert decision.last_evidence_s >= current.last_evidence_s
            assert decision.lafmax_db >= current.lafmax_db
        if decision.phase is Phase.UPDATE:
            assert current is not None
            assert (decision.severity, decision.count) != (current.severity, current.count)
            assert updated_s is None or decision.t_s - updated_s >= 1.0 - 1e-6
            updated_s = decision.t_s
        assert (decision.end_reason is not None) is (decision.phase is Phase.END)
        assert decision.onset_s <= decision.last_evidence_s <= decision.t_s
        current = None if decision.phase is Phase.END else decision
        ended_s = decision.t_s if decision.phase is Phase.END else ended_s
    assert current is None, "an event without an end"
    return events


@pytest.mark.parametrize("part", range(10))
def test_every_start_has_one_end_and_nothing_goes_back(part: int) -> None:
    events = 0
    for index in range(SEQUENCES // 10):
        seed = part * (SEQUENCES // 10) + index
        decisions = _sequence(random.Random(seed))
        # After a close the stream clock may begin anew, so each class is followed by its own messages only.
        for name in CLASSES:
            events += _check_class(d for d in decisions if d.event_class == name)
    assert events > 500
