"""One sensor's way from feature codes to decisions; it reads aloud, in order, in `SensorPipeline.hear`.

Pure: it knows neither port nor clock nor broker; serving, replay and tests run this very code.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from dsp.calibration import absolute_levels
from dsp.layout import HOP_S
from dsp.model_input import model_input
from dsp.usual import JudgedBackground, UsualLevels
from dsp.windows import HopWindow
from gateway.classifier import Classifier, Scores
from gateway.contract.vocabulary import VetoCode
from gateway.decisions.decider import Decider, Decision, EndReason, Evidence, HeldBack
from gateway.decisions.rules import ClassRule
from gateway.vetoes.watch import VetoWatch


@dataclass(frozen=True, slots=True)
class Analysis:
    """What one hop came to. t_s: end of the hop on the sensor's clock; levels in dB SPL, A-weighted.

    ambient_db: the background judged against; usual_db: what is usual at this hour of the week. vetoes: what
    speaks against any sound now; held_back: the events that they kept from being raised.
    """

    t_s: float
    laeq_db: float
    lafmax_db: float
    ambient_db: float | None
    above_ambient_db: float | None
    scores: Scores | None
    decisions: tuple[Decision, ...]
    usual_db: float | None = None
    vetoes: tuple[VetoCode, ...] = ()
    held_back: tuple[HeldBack, ...] = ()


class SensorPipeline:
    """All state that one sensor's sound leaves behind: window, background, open events.

    classifier: None is level-only mode; then only rules on level can raise an alert.
    full_scale_db: SPL of a full-scale sine, as the sensor states it, plus its calibration offset.
    declared_ambient_db: a background stated by a person in place of the learnt one.
    usual: what the place usually sounds like, kept by the caller; None where there is no wall clock.
    vetoes: what watches for reasons against a sound; None for the usual ones.
    """

    def __init__(
        self,
        classifier: Classifier | None,
        rules: Mapping[str, ClassRule],
        *,
        full_scale_db: float,
        declared_ambient_db: float | None = None,
        usual: UsualLevels | None = None,
        vetoes: VetoWatch | None = None,
    ) -> None:
        self._classifier = classifier
        self._window = HopWindow(classifier.window_hops if classifier else 1)
        self._background = JudgedBackground(usual, declared_ambient_db)
        self._vetoes = vetoes or VetoWatch()
        self._decider = Decider(rules)
        self.full_scale_db = full_scale_db
        self.hour_of_week: int | None = None
        """0..167, as the caller's clock has it; None while no clock can be trusted."""

    def hear(self, codes: np.void, t_end_s: float) -> Analysis:
        """One hop; codes: FRAME_DTYPE row, t_end_s: end of the hop in s since the sensor's boot."""
        levels = absolute_levels(codes, self.full_scale_db)
        ambient_db = self._background.level_db(self.hour_of_week)
        usual_db = self._background.usual_db(self.hour_of_week)
        above_ambient_db = _above(levels.laeq_db, ambient_db)
        self._window.push(codes)
        scores = None
        if self._classifier is not None:
            scores = self._classifier.scores(model_input(self._window.frames, self._window.valid))
        by_label = None if scores is None else scores.by_label
        vetoes = self._vetoes.hear(codes, HOP_S, by_label)
        decisions = self._decider.step(
            Evidence(
                t_s=t_end_s,
                hop_s=HOP_S,
                scores=by_label,
                laeq_db=levels.laeq_db,
                lafmax_db=levels.lafmax_db,
                above_ambient_db=above_ambient_db,
                above_usual_db=_above(levels.laeq_db, usual_db),
                vetoes=vetoes,
            )
        )
        self._background.hear(levels.laeq_db, HOP_S, self.hour_of_week)
        return Analysis(
            t_end_s,
            levels.laeq_db,
            levels.lafmax_db,
            ambient_db,
            above_ambient_db,
            scores,
            tuple(decisions),
            usual_db,
            vetoes,
            self._decider.take_held_back(),
        )

    def miss(self, hops: int) -> None:
        """Hops that never came: a gap in the window, neither silence nor evidence."""
        self._window.gap(hops)
        self._vetoes.gap()
        self._decider.gap(hops * HOP_S)

    def close(self, reason: EndReason, t_s: float) -> tuple[Decision, ...]:
        """The stream ends here: open events end with this reason."""
        return tuple(self._decider.close(reason, t_s))

    def take_held_back(self) -> tuple[HeldBack, ...]:
        """What vetoes had held back until the stream was closed; ask after `close`."""
        return self._decider.take_held_back()


def _above(level_db: float, reference_db: float | None) -> float | None:
    return None if reference_db is None else level_db - reference_db
