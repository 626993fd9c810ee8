"""YAMNet, the model of the most used open camera and home systems, in its TFLite runtime."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray

from training.bench.detector import RATE_HZ
from training.rivals.alarm_classes import alarm_scores, columns_of
from training.rivals.hearing import as_recorded_for_ears, ends_of_hops_s
from training.rivals.windows import ending_at

Floats = NDArray[np.float32]

WINDOW_SAMPLES = 15_600
CLASSES = 521
_FOLDER = "yamnet"


class Yamnet:
    """The network, whose front end is inside it. `peers`: the folder that holds `yamnet/`."""

    def __init__(self, peers: Path, threads: int = 1) -> None:
        folder = peers / _FOLDER
        self._interpreter = Interpreter(str(folder / "yamnet_fp32.tflite"), num_threads=threads)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = self._interpreter.get_output_details()
        self._scores = next(o["index"] for o in outputs if tuple(o["shape"]) == (1, CLASSES))
        self.class_names = class_names(folder / "yamnet_class_map.csv")

    def hear(
        self, samples_16k: NDArray[np.floating], ends_s: Sequence[float] | NDArray[np.float64]
    ) -> Floats:
        """Scores (n, 521) of the windows of 0.975 s that end at `ends_s`."""
        samples = np.asarray(samples_16k, dtype=np.float32)
        scores = np.zeros((len(ends_s), CLASSES), dtype=np.float32)
        for row, end_s in enumerate(ends_s):
            end = max(round(end_s * RATE_HZ), 1)
            self._interpreter.set_tensor(self._input, ending_at(samples, end, WINDOW_SAMPLES, WINDOW_SAMPLES))
            self._interpreter.invoke()
            scores[row] = self._interpreter.get_tensor(self._scores)[0]
        return scores


class YamnetDetector:
    """YAMNet as it comes, a Detector of the bench: the highest of each class's tags, four times a second."""

    name = "yamnet"
    hop_s = 0.25

    def __init__(self, peers: Path) -> None:
        self._network = Yamnet(peers)
        self._columns = columns_of(self._network.class_names)

    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> Floats:
        heard = as_recorded_for_ears(samples, full_scale_db)
        tags = self._network.hear(heard, ends_of_hops_s(len(samples), self.hop_s))
        return alarm_scores(tags, self._columns)


def load(argument: str) -> YamnetDetector:
    """`yamnet=training.rivals.yamnet:PEERS`."""
    return YamnetDetector(Path(argument))


def class_names(table: Path) -> tuple[str, ...]:
    """AudioSet's class names in the network's order."""
    with table.open(newline="", encoding="utf-8") as stream:
        return tuple(row["display_name"] for row in csv.DictReader(stream))
