"""Batch norm taken into the convolution before it: the same function in fewer steps, which suits 8 bits."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

Module = TypeVar("Module", bound=nn.Module)


def folded(net: Module) -> Module:
    """A copy, in eval mode; every convolution directly followed by its batch norm in an `nn.Sequential`."""
    made = copy.deepcopy(net).eval()
    for part in list(made.modules()):
        if isinstance(part, nn.Sequential):
            _fold(part)
    return made


def _fold(row: nn.Sequential) -> None:
    for at in range(len(row) - 1):
        conv, norm = row[at], row[at + 1]
        if isinstance(conv, nn.Conv1d | nn.Conv2d) and isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            row[at], row[at + 1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
