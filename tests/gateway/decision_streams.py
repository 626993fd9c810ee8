"""Hop streams for the tests of the decisions: a quiet street, and what is put into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.decisions.decider import Decider, Decision, Evidence

HOP_S = 0.125
BACKGROUND_DB = 55.0


def quiet(seconds: float, *, start_s: float = 0.0, hop_s: float = HOP_S) -> list[Evidence]:
    """A street at 55 dB(A) with nothing in it, from stream time start_s on."""
    return [
        Evidence(
            t_s=start_s + (index + 1) * hop_s,
            hop_s=hop_s,
            scores={},
            laeq_db=BACKGROUND_DB,
            lafmax_db=BACKGROUND_DB + 2.0,
            above_ambient_db=0.0,
        )
        for index in range(round(seconds / hop_s))
    ]


def put(
    hops: list[Evidence],
    from_s: float,
    to_s: float,
    scores: Mapping[str, float] | None = None,
    *,
    level_db: float | None = None,
    ambient_known: bool = True,
) -> None:
    """Give the hops that begin in [from_s, to_s) scores (added to theirs), and a level when one is stated."""
    for index, hop in enumerate(hops):
        if not from_s - 1e-9 <= hop.start_s < to_s - 1e-9:
            continue
        if scores is not None:
            hop = replace(hop, scores={**(hop.scores or {}), **scores})
        if level_db is not None:
            above_db = level_db - BACKGROUND_DB if ambient_known else None
            hop = replace(hop, laeq_db=level_db, lafmax_db=level_db + 2.0, above_ambient_db=above_db)
        hops[index] = hop


def decide(decider: Decider, hops: Iterable[Evidence]) -> list[Decision]:
    return [decision for hop in hops for decision in decider.step(hop)]


def phases(decisions: Iterable[Decision]) -> list[str]:
    return [f"{decision.phase.value} {decision.event_class}" for decision in decisions]
