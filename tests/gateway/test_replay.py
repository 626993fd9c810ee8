"""Files through the pipeline that serves live sensors: same frames, same scores, clean edges, fresh state."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dsp.front_end import frames_of
from dsp.layout import HOP_S
from gateway.decisions.decider import Decision, Phase
from gateway.decisions.rules import loud_rule
from gateway.model_setup import ModelSetup, choose_model
from gateway.pipeline import Analysis, SensorPipeline
from gateway.replay import ReplaySetup, replay_file
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from tests.support.replayed import features_from, noise, tone, write_frames, write_sound


@pytest.fixture(scope="module")
def model() -> ModelSetup:
    setup = choose_model("default")
    assert setup.classifier is not None, setup.problem
    return setup


@pytest.fixture(scope="module")
def setup(model: ModelSetup) -> ReplaySetup:
    """As shipped: the default model and the default rules."""
    return ReplaySetup(model.classifier, rules_in_force(DecisionSettings(), model.thresholds))


LOUD = ReplaySetup(None, {"loud": loud_rule(90.0, 0.25, hold_s=2.0)})
Steps = list[Analysis | Decision]


def analyses(steps: Steps) -> list[Analysis]:
    return [step for step in steps if isinstance(step, Analysis)]


def decisions(steps: Steps) -> list[Decision]:
    return [step for step in steps if isinstance(step, Decision)]


def score_table(steps: Steps) -> np.ndarray:
    """(hops, labels)"""
    return np.array([list(one.scores.by_label.values()) for one in analyses(steps) if one.scores is not None])


def varied(seed: int, seconds: float, rate_hz: int = 48_000) -> np.ndarray:
    """Tones, bursts and noise one after the other, so that scores move."""
    parts = [
        noise(seed, 0.5, 70.0, rate_hz, "pink"),
        tone(700.0, 0.4, 85.0, rate_hz),
        noise(seed + 1, 0.2, 95.0, rate_hz),
        tone(2500.0, 0.6, 80.0, rate_hz) + noise(seed + 2, 0.6, 60.0, rate_hz),
    ]
    once = np.concatenate(parts)
    return np.tile(once, int(seconds * rate_hz) // once.size + 1)[: int(seconds * rate_hz)]


def test_a_sound_file_takes_the_way_of_a_live_sensor(tmp_path: Path, setup: ReplaySetup) -> None:
    samples = varied(1, 6.0)
    path = write_sound(tmp_path / "a.wav", samples.astype(np.float32))
    by_hand: Steps = []
    pipeline = SensorPipeline(setup.classifier, setup.rules, full_scale_db=120.0)
    for hop, codes in enumerate(frames_of(samples.astype(np.float32)), start=1):
        by_hand.append(pipeline.hear(codes, hop * HOP_S))
    assert analyses(list(replay_file(path, setup))) == by_hand


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 48_000])
def test_a_capture_and_the_sound_it_was_made_of_give_the_same(
    tmp_path: Path, setup: ReplaySetup, rate_hz: int
) -> None:
    samples = varied(2, 5.0, rate_hz).astype(np.float32)
    sound = write_sound(tmp_path / "a.wav", samples, rate_hz)
    capture = write_frames(tmp_path / "a.agwcap", features_from(samples, rate_hz))
    assert list(replay_file(capture, setup)) == list(replay_file(sound, setup))


@pytest.mark.parametrize(
    ("name", "subtype"), [("a.flac", "PCM_24"), ("a.ogg", "VORBIS"), ("a.opus", "OPUS"), ("a.wav", "PCM_16")]
)
def test_each_format_gives_nearly_the_levels_of_the_samples(tmp_path: Path, name: str, subtype: str) -> None:
    samples = noise(3, 3.0, 85.0, colour="pink")
    heard = analyses(list(replay_file(write_sound(tmp_path / name, samples, subtype=subtype), LOUD)))
    exact = analyses(list(replay_file(write_sound(tmp_path / "exact.wav", samples), LOUD)))
    assert len(heard) == len(exact) == 24
    middle = slice(2, -2)  # codecs smear the edges
    gap_db = [a.laeq_db - b.laeq_db for a, b in zip(heard[middle], exact[middle], strict=True)]
    assert np.max(np.abs(gap_db)) < (0.05 if "PCM" in subtype else 1.0)


def test_times_go_hop_by_hop_and_decisions_follow_their_hop(tmp_path: Path) -> None:
    samples = np.concatenate([noise(4, 2.0, 60.0), noise(5, 1.0, 100.0), noise(6, 5.0, 60.0)])
    steps = list(replay_file(write_sound(tmp_path / "a.wav", samples), LOUD))
    assert [one.t_s for one in analyses(steps)] == pytest.approx([hop * HOP_S for hop in range(1, 65)])
    start, end = decisions(steps)
    assert (start.phase, end.phase) == (Phase.START, Phase.END)
    assert start.onset_s == pytest.approx(2.0)
    assert end.last_evidence_s == pytest.approx(3.0)
    for decision in (start, end):
        before = steps[steps.index(decision) - 1]
        assert isinstance(before, Analysis)
        assert before.t_s == decision.t_s


def test_state_is_new_for_each_file(tmp_path: Path, setup: ReplaySetup) -> None:
    path = write_sound(tmp_path / "a.wav", varied(7, 4.0))
    first = list(replay_file(path, setup))
    list(replay_file(write_sound(tmp_path / "loud.wav", varied(8, 15.0)), setup))
    assert list(replay_file(path, setup)) == first


def test_a_file_that_ends_inside_an_event_ends_the_event(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", np.concatenate([noise(9, 1.0, 60.0), noise(10, 1.0, 100.0)]))
    start, end = decisions(list(replay_file(path, LOUD)))
    assert (start.phase, end.phase, end.end_reason) == (Phase.START, Phase.END, "stream_ended")
    assert end.t_s == pytest.approx(2.0)


@pytest.mark.parametrize("seconds", [0.2, 0.13, 0.125, 0.05, 0.001])
@pytest.mark.parametrize("rate_hz", [8_000, 44_100, 48_000])
def test_the_shortest_clips_get_a_score(
    tmp_path: Path, setup: ReplaySetup, model: ModelSetup, seconds: float, rate_hz: int
) -> None:
    path = write_sound(tmp_path / "a.wav", noise(11, seconds, 80.0, rate_hz), rate_hz)
    heard = analyses(list(replay_file(path, setup)))
    assert 1 <= len(heard) <= 2
    assert model.classifier is not None
    for one in heard:
        assert one.scores is not None
        assert tuple(one.scores.by_label) == model.classifier.package.labels
        assert 40.0 < one.laeq_db < 90.0


@pytest.mark.parametrize("colour", ["white", "pink", "brown"])
@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_a_steady_sound_that_is_there_from_the_first_sample_is_no_onset(
    tmp_path: Path, setup: ReplaySetup, model: ModelSetup, colour: str, rate_hz: int
) -> None:
    """The file's edge is missing hops. Taken for silence, 80 dB out of nothing would be a bang."""
    path = write_sound(tmp_path / "a.wav", noise(12, 6.0, 80.0, rate_hz, colour), rate_hz)
    steps = list(replay_file(path, setup))
    assert decisions(steps) == []
    first, *rest = analyses(steps)
    steady_db = np.mean([one.laeq_db for one in rest])
    assert abs(first.laeq_db - steady_db) < 1.5
    assert first.lafmax_db < max(one.lafmax_db for one in rest)
    assert first.above_ambient_db is None
    for label, threshold in model.thresholds.items():
        at_edge = [one.scores.by_label[label] for one in analyses(steps)[:20] if one.scores]
        assert max(at_edge) < threshold, label


@pytest.mark.parametrize("name", ["whole.wav", "whole.agwcap"])
def test_the_end_of_a_file_is_no_sudden_silence(tmp_path: Path, setup: ReplaySetup, name: str) -> None:
    samples = noise(13, 3.05, 80.0)
    path = tmp_path / name
    if name.endswith(".wav"):
        write_sound(path, samples)
    else:
        write_frames(path, features_from(samples))
    heard = analyses(list(replay_file(path, setup)))
    assert len(heard) == 24  # the rest is less than half a hop
    assert heard[-1].laeq_db == pytest.approx(heard[0].laeq_db, abs=1.0)


@pytest.mark.parametrize("gain", [10.0, 0.1])
@pytest.mark.parametrize("make", [varied, lambda seed, s: noise(seed, s, 75.0, colour="pink")])
def test_scores_do_not_follow_the_level(
    tmp_path: Path, setup: ReplaySetup, gain: float, make: Callable[[int, float], np.ndarray]
) -> None:
    samples = 0.3 * make(14, 5.0)
    assert np.max(np.abs(samples)) * gain < 1.0, "would clip"
    plain = list(replay_file(write_sound(tmp_path / "a.wav", samples), setup))
    scaled = list(replay_file(write_sound(tmp_path / "b.wav", samples * gain), setup))
    assert np.max(np.abs(score_table(scaled) - score_table(plain))) <= 0.02
    shift_db = [b.laeq_db - a.laeq_db for a, b in zip(analyses(plain), analyses(scaled), strict=True)]
    assert shift_db == pytest.approx([20.0 * np.log10(gain)] * len(shift_db), abs=0.02)


def test_full_scale_and_background_are_declared(tmp_path: Path, model: ModelSetup) -> None:
    path = write_sound(tmp_path / "a.wav", varied(15, 4.0))
    rules = LOUD.rules
    assumed = analyses(list(replay_file(path, ReplaySetup(model.classifier, rules))))
    stated = analyses(list(replay_file(path, ReplaySetup(model.classifier, rules, 94.0, 40.0))))
    for a, b in zip(assumed, stated, strict=True):
        assert b.laeq_db == pytest.approx(a.laeq_db - 26.0)
        assert b.lafmax_db == pytest.approx(a.lafmax_db - 26.0)
        assert b.scores == a.scores
        assert (a.ambient_db, b.ambient_db) == (None, 40.0)
        assert b.above_ambient_db == pytest.approx(b.laeq_db - 40.0)


def test_the_background_is_learnt_from_the_file_itself(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "a.wav", noise(16, 12.0, 70.0))
    heard = analyses(list(replay_file(path, LOUD)))
    assert [one.ambient_db for one in heard[:80]] == [None] * 80
    steady_db = np.median([one.laeq_db for one in heard])
    assert heard[-1].ambient_db == pytest.approx(steady_db, abs=0.5)


def test_a_captures_own_scale_counts_unless_another_is_stated(tmp_path: Path) -> None:
    frames = features_from(tone(1000.0, 2.0, 94.0, full_scale_db=110.0))
    path = write_frames(tmp_path / "a.agwcap", frames, full_scale_db=110.0)
    assert analyses(list(replay_file(path, LOUD)))[-1].laeq_db == pytest.approx(94.0, abs=0.05)
    stated = ReplaySetup(None, LOUD.rules, full_scale_db=120.0)
    assert analyses(list(replay_file(path, stated)))[-1].laeq_db == pytest.approx(104.0, abs=0.05)
