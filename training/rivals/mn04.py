"""EfficientAT mn04: the published network in onnxruntime (the one file of this room that names it)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from scipy.signal import resample_poly

from training.rivals.alarm_classes import alarm_scores, columns_of
from training.rivals.hearing import as_recorded_for_ears, ends_of_hops_s
from training.rivals.mel import MN04_FRAMES_PER_S, MN04_RATE_HZ, mn04_log_mel
from training.rivals.windows import ending_at

Floats = NDArray[np.float32]

WINDOW_S = 2.0
SHORTEST_S = 1.0
CLASSES, FEATURES = 527, 384
_FOLDER = "efficientat_mn04"
_BATCH = 16


class Mn04:
    """The network with its front end. `peers`: the folder that holds `efficientat_mn04/`."""

    def __init__(self, peers: Path, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        folder = peers / _FOLDER
        self._session = onnxruntime.InferenceSession(
            str(folder / "mn04_as_ext.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self.class_names = class_names(folder / "class_labels_indices.csv")

    def hear(
        self, samples_16k: NDArray[np.floating], ends_s: Sequence[float] | NDArray[np.float64]
    ) -> tuple[Floats, Floats]:
        """Features (n, 384) and logits (n, 527) of the windows of at most 2 s that end at `ends_s`."""
        features = np.zeros((len(ends_s), FEATURES), dtype=np.float32)
        logits = np.zeros((len(ends_s), CLASSES), dtype=np.float32)
        if not len(ends_s):
            return features, logits
        spectrum = np.ascontiguousarray(mn04_log_mel(resample_poly(samples_16k, MN04_RATE_HZ // 16_000, 1)).T)
        windows = [self._window(spectrum, end_s) for end_s in ends_s]
        for _frames, group in groupby(range(len(windows)), key=lambda row: len(windows[row])):
            rows = list(group)
            for start in range(0, len(rows), _BATCH):
                some = rows[start : start + _BATCH]
                batch = np.stack([windows[row].T for row in some])[:, np.newaxis]
                logits[some], features[some] = self._session.run(["logits", "features"], {"spec": batch})
        return features, logits

    def _window(self, spectrum: Floats, end_s: float) -> Floats:
        longest, shortest = (int(length_s * MN04_FRAMES_PER_S) for length_s in (WINDOW_S, SHORTEST_S))
        return ending_at(spectrum, max(int(end_s * MN04_FRAMES_PER_S + 1e-6), 1), longest, shortest)


class Mn04Detector:
    """mn04 as it comes, a Detector of the bench: the highest of each class's tags, four times a second."""

    name = "mn04"
    hop_s = 0.25

    def __init__(self, peers: Path) -> None:
        self._network = Mn04(peers)
        self._columns = columns_of(self._network.class_names)

    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> Floats:
        heard = as_recorded_for_ears(samples, full_scale_db)
        _features, logits = self._network.hear(heard, ends_of_hops_s(len(samples), self.hop_s))
        return alarm_scores(np.asarray(1.0 / (1.0 + np.exp(-logits))), self._columns)


def load(argument: str) -> Mn04Detector:
    """`mn04=training.rivals.mn04:PEERS`."""
    return Mn04Detector(Path(argument))


def class_names(table: Path) -> tuple[str, ...]:
    """AudioSet's class names in the network's order."""
    with table.open(newline="", encoding="utf-8") as stream:
        return tuple(row["display_name"] for row in csv.DictReader(stream))
