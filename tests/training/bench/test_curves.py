"""Curves, intervals and comparisons on streams whose alarms can be counted by hand."""

import numpy as np
import pytest

from training.bench.bootstrap import Sources, drawn, share
from training.bench.comparison import ratio_at
from training.bench.curves import Curve, curve_of, miss_interval
from training.bench.truth import Recording, Sound

HOP_S = 0.5


def an_event(onset_s: float, source: str, target: str = "shout") -> Sound:
    return Sound(target, onset_s, onset_s + 1.0, source, "made", f"{source}.wav", target, snr_db=5.0)


def a_curve(false_score: float = 0.6) -> Curve:
    """Two events scored 0.9 and 0.4, and one false alarm, in an hour of two recordings."""
    recordings = [
        Recording("a", 1800.0, (an_event(100.0, "one"),), beds=("street",)),
        Recording("b", 1800.0, (an_event(50.0, "two"), an_event(900.0, "dog", "dog_bark")), beds=("park",)),
    ]
    scores = [np.zeros(3600, dtype=np.float32) for _ in recordings]
    scores[0][201] = 0.9
    scores[1][101] = 0.4
    scores[1][1800:1804] = false_score
    return curve_of("shout", recordings, scores, HOP_S)


def test_misses_at_a_rate() -> None:
    curve = a_curve()
    assert curve.misses_at(0.0) == 0.5
    assert curve.misses_at(1.0) == 0.0
    assert curve.false_at(0.5) == 0.0
    assert curve.false_at(0.0) == pytest.approx(1.0, rel=0.01)
    assert curve.hours.sum() == pytest.approx(1.0, rel=0.01)


def test_a_false_alarm_is_laid_to_the_sound_that_raised_it() -> None:
    curve = a_curve()
    blamed = {curve.sources.names[n] for n in np.flatnonzero(curve.false_alarms.max(axis=1))}
    assert blamed == {"dog"}


def test_a_lower_threshold_never_raises_fewer() -> None:
    rate = a_curve().false_per_hour()
    assert (np.diff(rate) >= 0.0).all()
    assert rate[-1] > 0.0


def test_a_class_is_not_found_by_what_comes_long_after() -> None:
    recording = Recording("a", 60.0, (an_event(10.0, "one"),), beds=("street",))
    late = np.zeros(120, dtype=np.float32)
    late[30] = 0.9
    assert curve_of("shout", [recording], [late], HOP_S).misses_at(0.0) == 1.0


def test_intervals_hold_the_value() -> None:
    interval = miss_interval(a_curve(), 1.0)
    assert interval.low <= interval.value <= interval.high
    half = share(np.array([True, False] * 20), [f"s{n}" for n in range(40)])
    assert half.value == 0.5
    assert 0.2 < half.low < 0.5 < half.high < 0.8
    one_source = share(np.array([True, False] * 20), ["s"] * 40)
    assert (one_source.low, one_source.high) == (0.5, 0.5)


def test_draws_have_as_many_sources_as_there_are() -> None:
    sources = Sources(["a", "b", "a", "c"])
    assert sources.weights(np.random.default_rng(1)).sum() == 3
    assert drawn(lambda weights: float(weights.sum()), sources, draws=20).low == 3.0


def test_ratio_of_false_alarms_at_equal_misses() -> None:
    ours, rival = a_curve(false_score=0.3), a_curve(false_score=0.6)
    found = ratio_at({"shout": ours}, {"shout": rival}, 0.0)
    assert found["at_least"]
    assert found["ours_per_hour"] == 0.0
    assert found["ratio"]["value"] == pytest.approx(1 / 3, rel=0.01)
    never = ratio_at({"shout": ours}, {"shout": a_silent_curve()}, 0.0)
    assert never["ratio"] is None
    assert never["rival_never_reaches"] == ["shout"]


def a_silent_curve() -> Curve:
    recording = Recording("a", 60.0, (an_event(10.0, "one"),), beds=("street",))
    scores = np.zeros(120, dtype=np.float32)
    scores[20:24] = -np.inf
    return curve_of("shout", [recording], [scores], HOP_S)
