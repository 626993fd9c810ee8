"""Through the real pipeline: a street that grows 20 dB louder, and a siren that scores as a scream."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from dsp.layout import FRAME_DTYPE, HOP_S
from dsp.model_input import CHANNELS
from dsp.usual import HourLevel, UsualLevels
from firmware_bridge.capture import CaptureProblem, open_capture
from firmware_bridge.events import FeatureFrame
from firmware_bridge.link import SensorLink
from gateway.classifier import Classifier, Scores
from gateway.contract.vocabulary import EndReason
from gateway.decisions.rules import DEFAULT_RULES
from gateway.features import codes_of
from gateway.model_setup import DEFAULT, choose_model
from gateway.pipeline import Analysis, SensorPipeline
from gateway.settings.decision import DecisionSettings
from gateway.settings.rules_in_force import rules_in_force
from gateway.telemetry.meter import SecondMeter
from gateway.telemetry.second import Second
from gateway.vetoes.tally import HELD_BACK_BIT, codes_of_bits

REPOSITORY = Path(__file__).resolve().parents[2]
SILENCE = REPOSITORY / "tests" / "captures" / "silence"
FULL_SCALE_DB = 120.0


def frames_of_capture(path: Path) -> list[np.void]:
    opened = open_capture(path)
    assert not isinstance(opened, CaptureProblem)
    link = SensorLink((1,))
    events = list(link.opened(0.0))
    with opened as reader:
        for chunk in reader:
            events += link.feed(chunk.data, chunk.t_us / 1e6)
    return [codes_of(event.features) for event in events if isinstance(event, FeatureFrame)]


@dataclass
class Saying:
    """A model that says what a test wants at each hop. window_hops: as of a real one."""

    says: list[dict[str, float]]
    window_hops: int = 4
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def scores(self, model_input: np.ndarray) -> Scores:
        self.seen.append(model_input.shape)
        return Scores(self.says[len(self.seen) - 1], "saying")


def heard(says: list[dict[str, float]], level_cdb: int = -5000) -> tuple[list[Analysis], SensorPipeline]:
    row = np.zeros(1, dtype=FRAME_DTYPE)
    row["bands"] = 100
    pipeline = SensorPipeline(cast(Classifier, Saying(says)), DEFAULT_RULES, full_scale_db=FULL_SCALE_DB)
    found = []
    for hop, scores in enumerate(says):
        row["laeq_cdb"] = row["lafmax_cdb"] = level_cdb if scores.get("scream", 0.0) > 0.1 else -6500
        found.append(pipeline.hear(row[0], (hop + 1) * HOP_S))
    return found, pipeline


@pytest.mark.parametrize("known", [False, True])
def test_a_street_that_grows_twenty_decibels_louder_raises_nothing_and_is_learnt(known: bool) -> None:
    model = choose_model(DEFAULT)
    rules = rules_in_force(DecisionSettings(), model.thresholds)
    frames = frames_of_capture(sorted(SILENCE.glob("*.agwcap"))[0])
    usual = UsualLevels({34: HourLevel(55.0, 4)}) if known else None
    pipeline = SensorPipeline(model.classifier, rules, full_scale_db=FULL_SCALE_DB, usual=usual)
    pipeline.hour_of_week = 34 if known else None
    quiet_hops, loud_hops = round(700 / HOP_S), round(1800 / HOP_S)
    before = after = None
    for hop in range(quiet_hops + loud_hops):
        if hop == quiet_hops:
            before = pipeline.hear(frames[hop % len(frames)], (hop + 1) * HOP_S)
            assert not before.decisions
            pipeline.full_scale_db += 20.0
            continue
        after = pipeline.hear(frames[hop % len(frames)], (hop + 1) * HOP_S)
        assert not after.decisions, after
    assert before is not None
    assert after is not None
    assert before.ambient_db is not None
    assert after.ambient_db == pytest.approx(before.ambient_db + 20.0, abs=2.0)


def test_a_siren_that_scores_as_a_scream_is_held_back_and_seen_everywhere() -> None:
    quiet, wail = {"scream": 0.02, "siren": 0.01}, {"scream": 0.7, "siren": 0.6}
    hops, pipeline = heard([quiet] * 100 + [{**quiet, "siren": 0.6}] * 24 + [wail] * 24 + [quiet] * 40)
    assert [hop.decisions for hop in hops if hop.decisions] == []
    told = [held for hop in hops for held in hop.held_back]
    assert [(held.event_class, held.vetoes, held.score) for held in told] == [("scream", ("siren",), 0.7)]

    kept: list[Second] = []
    meter = SecondMeter("north", kept.append)
    for hop in hops:
        meter.hear(hop, hop.t_s, calibrated=False)
    meter.close()
    assert sum(bool(second.vetoes & HELD_BACK_BIT) for second in kept) == 1
    assert any("siren" in codes_of_bits(second.vetoes) for second in kept)
    assert pipeline.close(EndReason.STREAM_ENDED, hops[-1].t_s) == ()


def test_a_scream_in_front_of_a_siren_is_raised_and_says_so() -> None:
    quiet = {"scream": 0.02, "siren": 0.01}
    hops, _ = heard([quiet] * 100 + [{**quiet, "siren": 0.6}] * 24 + [{"scream": 0.98, "siren": 0.3}] * 24)
    (start,) = [decision for hop in hops for decision in hop.decisions]
    assert (start.event_class, start.vetoes, start.doubted) == ("scream", ("siren",), False)
    assert start.timeline is not None
    assert (start.timeline.rival, start.timeline.rival_scores[-1]) == ("siren", 0.3)


def test_what_was_held_back_when_the_stream_ends_is_not_forgotten() -> None:
    quiet, wail = {"scream": 0.02, "siren": 0.6}, {"scream": 0.7, "siren": 0.6}
    hops, pipeline = heard([quiet] * 124 + [wail] * 8)
    assert not any(hop.held_back for hop in hops)
    assert pipeline.close(EndReason.SENSOR_LOST, hops[-1].t_s) == ()
    assert [held.vetoes for held in pipeline.take_held_back()] == [("siren",)]


def test_the_stub_stands_where_a_model_stands() -> None:
    saying = Saying([{}])
    pipeline = SensorPipeline(cast(Classifier, saying), DEFAULT_RULES, full_scale_db=FULL_SCALE_DB)
    pipeline.hear(np.zeros(1, dtype=FRAME_DTYPE)[0], HOP_S)
    assert saying.seen == [(saying.window_hops, CHANNELS)]
