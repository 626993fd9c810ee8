"""What leaves the gateway of a sound: all of it is made of the wire's frames and tells no more than they.

    wire       34 bytes a hop, 8 a second        a capture holds the same frames
    timeline   LAeq, the score of the event's class and of its rival a hop, of 20 s around it    in an alert
    telemetry  LAeq, LAFmax and every score of a second, once a second    on disk

`level` messages have less than telemetry. Log lines, heartbeats and health carry counts and states of the
link, none of the sound.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp import layout, model_input
from dsp.front_end import frames_of
from gateway.model_setup import DEFAULT, choose_model
from training.labels import POSITIVES
from training.leak.streams import RATE_HZ, WIRE, Rows, Samples, StreamKind, wire_rows

_LEVEL_STEP_DB = 0.1
_HOPS_A_SECOND = 8


class Derived:
    """The streams of one sound that leave, by name, as rows of numbers; scores by the default model."""

    def __init__(self) -> None:
        setup = choose_model(DEFAULT)
        if setup.classifier is None:
            raise RuntimeError(f"the default model does not run here: {setup.problem}")
        self._classifier = setup.classifier
        self.model_id = setup.classifier.package.model_id
        self._labels = len(setup.classifier.package.labels)

    @property
    def kinds(self) -> tuple[StreamKind, ...]:
        return (
            WIRE,
            StreamKind("timeline", layout.HOP_S, 3),
            StreamKind("telemetry", 1.0, 2 + self._labels),
        )

    def of(self, samples: Samples) -> dict[str, Rows]:
        frames = frames_of(samples, RATE_HZ)
        rows, scores = wire_rows(frames), self._scores(frames)
        laeq_db = np.rint(layout.centidecibels_to_db(frames["laeq_cdb"]) / _LEVEL_STEP_DB) * _LEVEL_STEP_DB
        lafmax_db = layout.centidecibels_to_db(frames["lafmax_cdb"])
        laeq, lafmax = (laeq_db - laeq_db.max()) / 20.0, (lafmax_db - laeq_db.max()) / 20.0
        alarm, other = scores[:, : len(POSITIVES)].max(axis=1), scores[:, len(POSITIVES) :].max(axis=1)
        timeline = np.column_stack([laeq, alarm.round(2), other.round(2)])
        telemetry = []
        for second in (slice(at, at + _HOPS_A_SECOND) for at in range(0, len(frames), _HOPS_A_SECOND)):
            levels = [laeq[second].mean(), lafmax[second].max()]
            telemetry.append(np.concatenate([levels, scores[second].max(axis=0)]))
        return {
            "wire": rows,
            "timeline": timeline.astype(np.float32),
            "telemetry": np.array(telemetry, dtype=np.float32),
        }

    def _scores(self, frames: np.ndarray) -> NDArray[np.float64]:
        hops = self._classifier.window_hops
        padded = np.concatenate([np.zeros(hops - 1, layout.FRAME_DTYPE), frames])
        heard = np.concatenate([np.zeros(hops - 1, bool), np.ones(len(frames), bool)])
        found = []
        for end in range(hops, len(padded) + 1):
            window = slice(end - hops, end)
            given = model_input.model_input(padded[window], heard[window])
            found.append(list(self._classifier.scores(given).by_label.values()))
        return np.array(found)
