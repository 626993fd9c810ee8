"""Which of twenty words was it? Asked of the streams themselves, without making sound of them first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.leak.corpus import WORDS, Utterance, spoken_words
from training.leak.leaving import Derived
from training.leak.scoring import mean_figure, paired_p
from training.leak.streams import MEL, Rows, StreamKind, rows_of
from training.leak.voices import ATTACKER_VOICES, TEST_VOICES

_TRAIN_COPIES, _TEST_COPIES = 6, 2
_EPOCHS = 30
_BATCH = 64
_WIDTH = 96
_LONGEST_S = 1.5


class WordListener(nn.Module):
    """Residual convolutions over all of a word, then the mean and the highest of each channel."""

    def __init__(self, width: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, _WIDTH, 2 * stride + 1, stride=stride, padding=stride)
        self.layers = nn.ModuleList([
            nn.Sequential(nn.GELU(), nn.Dropout(0.2), nn.Conv1d(_WIDTH, _WIDTH, 3, padding=d, dilation=d))
            for d in (1, 1, 2)
        ])  # fmt: skip
        self.place = nn.Linear(2 * _WIDTH, len(WORDS))

    def forward(self, rows: Tensor) -> Tensor:
        found = self.first(rows)
        for layer in self.layers:
            found = found + layer(found)
        return self.place(torch.cat([found.mean(dim=2), found.amax(dim=2)], dim=1))  # type: ignore[no-any-return]


def word_figures(tell: Callable[[str], None]) -> dict[str, Any]:
    """Share of words told right in voices the attacker never heard, for each stream; chance is 1 in 20."""
    learnt, asked = (
        spoken_words(ATTACKER_VOICES, _TRAIN_COPIES, 3),
        spoken_words(TEST_VOICES, _TEST_COPIES, 4),
    )
    derived = Derived()
    fine, fine_asked = ([rows_of(MEL, word.samples) for word in part] for part in (learnt, asked))
    sets: dict[str, tuple[StreamKind, list[Rows], list[Rows]]] = {MEL.name: (MEL, fine, fine_asked)}
    known, unknown = ([derived.of(word.samples) for word in part] for part in (learnt, asked))
    for kind in derived.kinds:
        sets[kind.name] = (kind, [row[kind.name] for row in known], [row[kind.name] for row in unknown])
    truth, classes = _classes(learnt), _classes(asked)
    right: dict[str, NDArray[np.float64]] = {}
    for name, (kind, rows, test) in sets.items():
        right[name] = (_told(kind, rows, truth, test) == classes).astype(np.float64)
        tell(f"words from {name}: {right[name].mean():.3f}")
    rng = np.random.default_rng(8)
    kind, rows, test = sets["wire"]
    drawn = [rng.permutation(row) for row in test]
    right["wire_shuffled_in_time"] = (_told(kind, rows, truth, drawn) == classes).astype(np.float64)
    right["wire_wrong_labels"] = (_told(kind, rows, rng.permutation(truth), test) == classes).astype(
        np.float64
    )
    # One word by one voice is one trial, however often it was said.
    groups = np.repeat(np.arange(len(asked) // _TEST_COPIES), _TEST_COPIES)
    return {
        "words": len(WORDS),
        "trials": len(asked),
        "chance": 1.0 / len(WORDS),
        "model": derived.model_id,
        "right": {name: mean_figure(values, groups).rounded() for name, values in right.items()},
        "wire_against_wrong_labels_p": paired_p(
            *(_by_trial(right[name]) for name in ("wire", "wire_wrong_labels"))
        ),
    }


def _by_trial(right: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(right.reshape(-1, _TEST_COPIES).mean(axis=1))


def _told(
    kind: StreamKind, rows: Sequence[Rows], truth: NDArray[np.int64], test: Sequence[Rows]
) -> NDArray[np.int64]:
    torch.manual_seed(21)
    rng = np.random.default_rng(21)
    length = max(1, round(_LONGEST_S / kind.period_s))
    network = WordListener(kind.width, 4 if kind.period_s < 0.02 else 1)
    given, answer = torch.from_numpy(_stacked(rows, length)), torch.from_numpy(truth)
    optimiser = torch.optim.AdamW(network.parameters(), 1e-3, weight_decay=1e-2)
    for _ in range(_EPOCHS):
        for chosen in np.array_split(rng.permutation(len(truth)), len(truth) // _BATCH):
            noisy = given[chosen] + 0.05 * torch.randn_like(given[chosen])
            loss = nn.functional.cross_entropy(network(noisy), answer[chosen], label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        told: NDArray[np.int64] = (
            network.eval()(torch.from_numpy(_stacked(test, length))).argmax(dim=1).numpy()
        )
    return told


def _stacked(rows: Sequence[Rows], length: int) -> NDArray[np.float32]:
    out = np.full((len(rows), rows[0].shape[1], length), -2.0, np.float32)
    for place, row in zip(out, rows, strict=True):
        place[:, : min(length, len(row))] = row[:length].T
    return out


def _classes(words: Sequence[Utterance]) -> NDArray[np.int64]:
    return np.array([WORDS.index(word.text) for word in words])
