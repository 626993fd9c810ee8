"""The privacy-free student (torch): our own student's shape, with a stem that hears every 10 ms.

Three convolutions over time and mel take 10 ms by 64 bands to 120 ms by 8; from there on it is the network of
`training.network`: residual convolutions over time, and a reading of the newest half second and the whole.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from training.rivals.mel import PLAIN_BANDS

RECENT_STEPS = 4


class MelNet(nn.Module):
    """(n, frames, 64) to (n, labels) logits."""

    def __init__(self, labels: int, width: int = 96, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(1, 12, (5, 5), (3, 2)),
            *_convolution(12, 24, (3, 3), (2, 2)),
            *_convolution(24, 32, (3, 3), (2, 2)),
        )
        joined = 32 * (PLAIN_BANDS // 8)
        self.join = nn.Sequential(nn.Conv1d(joined, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU())
        self.time = nn.ModuleList(_TimeBlock(width, dilation) for dilation in (1, 2, 4))
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(3 * width, 64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, labels),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.stem(inputs[:, None])
        hidden = self.join(maps.permute(0, 1, 3, 2).flatten(1, 2))
        for block in self.time:
            hidden = block(hidden)
        recent = hidden[..., -RECENT_STEPS:]
        logits: Tensor = self.head(torch.cat((recent.mean(-1), recent.amax(-1), hidden.mean(-1)), dim=1))
        return logits


class _TimeBlock(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.ReLU(),
        )

    def forward(self, hidden: Tensor) -> Tensor:
        out: Tensor = hidden + self.body(hidden)
        return out


def _convolution(
    before: int, after: int, size: tuple[int, int], stride: tuple[int, int]
) -> tuple[nn.Module, nn.Module, nn.Module]:
    padding = (size[0] // 2, size[1] // 2)
    return nn.Conv2d(before, after, size, stride, padding, bias=False), nn.BatchNorm2d(after), nn.ReLU()
