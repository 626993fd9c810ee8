"""The privacy-free upper bound as a Detector: our student's data and shape, hearing every 10 ms (torch)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from dsp.layout import HOP_S
from training.bench.detector import CLASSES
from training.labels import LABELS
from training.rivals.hearing import ends_of_hops_s
from training.rivals.mel import PLAIN_FRAMES_PER_S
from training.rivals.mel_input import cut, mel_input
from training.rivals.mel_network import MelNet
from training.rivals.mel_store import POWER_OF_CODE, codes_of

_AT_ONCE = 64


class MelStudent:
    """Scores at every hop of ours; blind to absolute level, so full_scale_db does not count."""

    name = "10 ms log-mel"
    hop_s = HOP_S

    def __init__(self, weights: Path) -> None:
        torch.set_num_threads(1)
        self._net = MelNet(len(LABELS))
        self._net.load_state_dict(torch.load(weights, weights_only=True))
        self._net.eval()

    @torch.no_grad()
    def score(self, samples: NDArray[np.float32], full_scale_db: float) -> NDArray[np.float32]:
        power = POWER_OF_CODE[codes_of(np.asarray(samples, dtype=np.float64))]
        ends = np.rint(ends_of_hops_s(len(samples), self.hop_s) * PLAIN_FRAMES_PER_S).astype(np.int64)
        scores = np.zeros((len(ends), len(CLASSES)), dtype=np.float32)
        for start in range(0, len(ends), _AT_ONCE):
            some = ends[start : start + _AT_ONCE]
            logits = self._net(torch.from_numpy(mel_input(cut(power, some))))
            scores[start : start + _AT_ONCE] = torch.sigmoid(logits[:, : len(CLASSES)]).numpy()
        return scores


def load(argument: str) -> MelStudent:
    """`log-mel=training.rivals.mel_student:FOLDER/mel.pt`."""
    return MelStudent(Path(argument))
