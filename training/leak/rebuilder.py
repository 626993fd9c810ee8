"""The attacker's network: any stream of rows to 10 ms log mel, learned from speech of which he
has both.

Residual convolutions over the rows look at their context; each 10 ms then takes the encoding of its row and
of the neighbours, with where in the row it lies, and residual convolutions at 100 a second draw the spectrum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.leak.streams import MEL, MEL_BANDS, Rows, StreamKind

_WIDTH = 128
_PHASES = 4
_CROP = 300
_BATCH = 16
_MARGIN = 6
_SILENT = -2.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One sound: its rows in the stream under attack, and its normalised log mel (frames, 64)."""

    rows: Rows
    mel: Rows


class Rebuilder(nn.Module):
    """rows (batch, width, rows) and the place of each 10 ms in rows -> log mel (batch, 64, places)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv1d(width, _WIDTH, 3, padding=1)
        self.context = nn.ModuleList([_residual(1) for _ in range(3)])
        self.join = nn.Conv1d(3 * _WIDTH + 2 * _PHASES, _WIDTH, 1)
        self.draw = nn.ModuleList([_residual(dilation) for dilation in (1, 2, 4)])
        self.last = nn.Conv1d(_WIDTH, MEL_BANDS, 1)

    def forward(self, rows: Tensor, places: Tensor) -> Tensor:
        encoded = self.first(rows)
        for layer in self.context:
            encoded = encoded + layer(encoded)
        own = places.floor().long()
        parts = [_taken(encoded, own + shift) for shift in (-1, 0, 1)]
        turns = 2.0 * torch.pi * (places - own)[:, None, :]
        phases = [wave(turns * k) for k in range(1, _PHASES + 1) for wave in (torch.sin, torch.cos)]
        drawn = self.join(torch.cat([*parts, *phases], dim=1))
        for layer in self.draw:
            drawn = drawn + layer(drawn)
        return self.last(drawn)  # type: ignore[no-any-return]


def fit(kind: StreamKind, pairs: Sequence[Pair], steps: int, seed: int = 11) -> Rebuilder:
    """Train on random stretches of 3 s. steps: batches of 16."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Rebuilder(kind.width)
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3, weight_decay=1e-3)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    share = np.array([len(pair.mel) for pair in pairs], dtype=np.float64)
    for _ in range(steps):
        chosen = rng.choice(len(pairs), _BATCH, p=share / share.sum())
        cut = [_crop(kind, pairs[i], rng) for i in chosen]
        rows, places, mel, counts = (torch.from_numpy(np.stack(part)) for part in zip(*cut, strict=True))
        loss = ((network(rows, places) - mel).abs() * counts[:, None, :]).sum() / (counts.sum() * MEL_BANDS)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        plan.step()
    return network.eval()


@torch.no_grad()
def rebuilt(network: Rebuilder, kind: StreamKind, rows: Rows, frames: int) -> Rows:
    """The log mel that the network draws for a whole sound, shape (frames, 64)."""
    padded, places = _padded(rows), _places(kind, 0, frames)
    drawn = network(torch.from_numpy(padded.T.copy())[None], torch.from_numpy(places)[None])[0]
    return np.asarray(drawn.numpy().T)


def mean_error(network: Rebuilder, kind: StreamKind, pairs: Sequence[Pair]) -> float:
    """Mean absolute error of the drawn log mel, in its normalised unit."""
    errors = [np.abs(rebuilt(network, kind, p.rows, len(p.mel)) - p.mel).mean() for p in pairs]
    return float(np.mean(errors))


def _crop(
    kind: StreamKind, pair: Pair, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    start = int(rng.integers(0, max(1, len(pair.mel) - _CROP + 1)))
    first = int(start * MEL.period_s / kind.period_s)
    count = int(np.ceil(_CROP * MEL.period_s / kind.period_s)) + 2 + 2 * _MARGIN
    rows = _padded(pair.rows)[first : first + count]
    rows = np.pad(rows, ((0, count - len(rows)), (0, 0)))
    mel = pair.mel[start : start + _CROP]
    counts = np.pad(np.ones(len(mel), np.float32), (0, _CROP - len(mel)))
    mel = np.pad(mel, ((0, _CROP - len(mel)), (0, 0)), constant_values=_SILENT)
    places = _places(kind, start, _CROP) - np.float32(first)
    return rows.T.copy(), places, mel.T.copy(), counts


def _padded(rows: Rows) -> Rows:
    return np.pad(rows, ((_MARGIN, _MARGIN), (0, 0)))


def _places(kind: StreamKind, start: int, count: int) -> NDArray[np.float32]:
    """Where each 10 ms lies, counted in rows of the padded stream."""
    at = (np.arange(start, start + count) + 0.01) * (MEL.period_s / kind.period_s) + _MARGIN
    return at.astype(np.float32)


def _taken(encoded: Tensor, index: Tensor) -> Tensor:
    index = index.clamp(0, encoded.shape[2] - 1)
    return encoded.gather(2, index[:, None, :].expand(-1, encoded.shape[1], -1))


def _residual(dilation: int) -> nn.Module:
    return nn.Sequential(
        nn.GroupNorm(8, _WIDTH),
        nn.GELU(),
        nn.Conv1d(_WIDTH, _WIDTH, 5, padding=2 * dilation, dilation=dilation),
    )
