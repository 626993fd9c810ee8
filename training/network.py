"""The classifier: a small convolution over bands, then over time, then one score per label (torch).

Bands and their masks go through two convolutions that share weights over frequency; the scalars join; three
residual convolutions over time (dilation 1, 2, 4) see the whole window; what is read out is the newest hops
(their mean and maximum over RECENT_HOPS) and the window's mean, so a score is about the last half second.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dsp.model_input import BANDS_USED, CHANNELS
from training.sampler import RECENT_HOPS

WINDOW_HOPS = 20


class Net(nn.Module):
    """(n, hops, CHANNELS) to (n, labels) logits."""

    def __init__(self, labels: int, width: int = 80, dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(2, 16, (3, 5), stride=(1, 2), padding=(1, 2), bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.Conv2d(16, 24, (3, 3), stride=(1, 2), padding=(1, 1), bias=False),
            nn.BatchNorm2d(24),
            nn.ReLU(),
        )
        bands_left = (BANDS_USED + 3) // 4
        joined = 24 * bands_left + CHANNELS - 2 * BANDS_USED
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
        bands = torch.stack((inputs[..., :BANDS_USED], inputs[..., BANDS_USED : 2 * BANDS_USED]), dim=1)
        maps = self.stem(bands)
        maps = maps.permute(0, 1, 3, 2).flatten(1, 2)
        scalars = inputs[..., 2 * BANDS_USED :].permute(0, 2, 1)
        hidden = self.join(torch.cat((maps, scalars), dim=1))
        for block in self.time:
            hidden = block(hidden)
        recent = hidden[..., -RECENT_HOPS:]
        summary = torch.cat((recent.mean(-1), recent.amax(-1), hidden.mean(-1)), dim=1)
        logits: Tensor = self.head(summary)
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


class Scorer(nn.Module):
    """What is exported: network, calibration and sigmoid; (1, hops, CHANNELS) to (1, labels)."""

    def __init__(self, net: Net, scale: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.net = net
        self.register_buffer("scale", scale)
        self.register_buffer("bias", bias)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.sigmoid(self.net(inputs) * self.scale + self.bias)
