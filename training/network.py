"""The classifier: a small convolution over bands, then over time, then one score per label (torch).

Band levels and contrasts go through two convolutions that share weights over frequency; the scalars join;
residual convolutions over time (dilation 1, 2, 4, 8) see the whole window; what is read out is the newest
hops (their mean and maximum over RECENT_HOPS), and the whole window weighted by where the network attends.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from dsp.model_input import BANDS_USED, CHANNELS
from training.hints import COMPONENTS, NEAR
from training.labels import POSITIVES
from training.sampler import RECENT_HOPS

WINDOW_HOPS = 24
SUMMARY = 96
HINTS = COMPONENTS + 2 * len(NEAR)


class Net(nn.Module):
    """(n, hops, CHANNELS) to (n, labels) logits; `summary` gives what the logits are made of.

    hints: what a second read-out, used in training alone, guesses of two teachers' hearing.
    """

    def __init__(self, labels: int, width: int = 64, dropout: float = 0.2, hints: int = HINTS) -> None:
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
        self.time = nn.ModuleList(_TimeBlock(width, dilation) for dilation in (1, 2, 4, 8))
        self.attend = nn.Conv1d(width, 1, 1)
        self.gather = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * width, SUMMARY), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(SUMMARY, labels))
        self.hint: nn.Module = nn.Linear(SUMMARY, hints) if hints else nn.Identity()

    def summary(self, inputs: Tensor) -> Tensor:
        """(n, hops, CHANNELS) to (n, SUMMARY)."""
        bands = torch.stack((inputs[..., :BANDS_USED], inputs[..., BANDS_USED : 2 * BANDS_USED]), dim=1)
        maps = self.stem(bands)
        maps = maps.permute(0, 1, 3, 2).flatten(1, 2)
        scalars = inputs[..., 2 * BANDS_USED :].permute(0, 2, 1)
        hidden = self.join(torch.cat((maps, scalars), dim=1))
        for block in self.time:
            hidden = block(hidden)
        recent = hidden[..., -RECENT_HOPS:]
        weight = torch.softmax(self.attend(hidden), dim=-1)
        read_out = torch.cat((recent.mean(-1), recent.amax(-1), (hidden * weight).sum(-1)), dim=1)
        summary: Tensor = self.gather(read_out)
        return summary

    def forward(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.head(self.summary(inputs))
        return logits


@torch.no_grad()
def fold_hints(net: Net, shares: Mapping[str, float]) -> None:
    """Add to each positive label's logit what the network guesses the teachers' own scores of it to be.

    shares: by label, how much of it. Both read-outs are linear in the same summary, so the network stays as
    small as it was; its guesses are dropped.
    """
    head, hint = net.head[-1], net.hint
    assert isinstance(head, nn.Linear)
    assert isinstance(hint, nn.Linear)
    for row, label in enumerate(POSITIVES):
        for teacher in range(2):
            column = COMPONENTS + teacher * len(NEAR) + list(NEAR).index(label)
            head.weight[row] += shares.get(label, 0.0) / 2 * hint.weight[column]
            head.bias[row] += shares.get(label, 0.0) / 2 * hint.bias[column]
    net.hint = nn.Identity()


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
