"""The timeline of an alert as lines of text: what was high, what was near, what nobody heard."""

from __future__ import annotations

from datetime import UTC

import pytest

from control_room.lines import Style
from control_room.why_lines import WIDTH, why_lines
from gateway.contract.types import Timeline, TimelineRival, replace
from tests.support.alerts import alert

ENGLISH = Style("en", zone=UTC)
DUTCH = Style("nl", zone=UTC)
HEARD = Timeline(
    start_utc="2026-03-14T22:40:57.250Z",
    step_s=0.125,
    scores=(0.0, 0.0, 0.5, 1.0, 0.25),
    laeq_db=(60.0, 60.0, 70.0, 80.0, 65.0),
    missing=(1,),
    rival=TimelineRival(event_class="siren", scores=(0.0, 0.0, 0.25, 0.25, 0.0)),
)


def test_score_rival_and_level_are_drawn_step_by_step() -> None:
    score, rival, level = why_lines(alert(1, event_class="scream", timeline=HEARD), ENGLISH)
    assert score.split() == ["score", "|", "?=@:|", "scream", "100", "%"]
    assert "nearest" in rival
    assert "siren 25 %" in rival
    assert level.endswith("60 - 80 dB(A), 1 s from 22:40:57")


def test_it_speaks_dutch() -> None:
    score, rival, level = why_lines(alert(1, event_class="scream", timeline=HEARD), DUTCH)
    assert "gil 100 %" in score
    assert "naaste" in rival
    assert "sirene 25 %" in rival
    assert "niveau" in level
    assert level.endswith("1 s vanaf 22:40:57")


@pytest.mark.parametrize("steps", [1, WIDTH, WIDTH + 1, 161, 200])
def test_however_long_it_is_it_fits_and_its_peak_is_seen(steps: int) -> None:
    scores = (0.0,) * (steps - 1) + (1.0,)
    long = replace(HEARD, scores=scores, laeq_db=(60.0,) * steps, missing=(), rival=None)
    score, level = why_lines(alert(1, timeline=long), ENGLISH)
    drawn = score.partition("|")[2].partition("|")[0]
    assert len(drawn) <= WIDTH
    assert drawn[-1] == "@"
    assert set(level.partition("|")[2].partition("|")[0]) == {" "}, "a level that does not move"


def test_an_alert_without_a_timeline_says_no_more() -> None:
    assert why_lines(alert(1), ENGLISH) == []
