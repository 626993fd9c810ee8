"""Tables and shares in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Lines = list[str]


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Lines:
    """A Markdown table with an empty line before and after it."""
    body = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head), *body, ""]


def share_text(share: Mapping[str, float]) -> str:
    """A share with its interval, `0.52 (0.40-0.63)`; a dash where there is none."""
    if math.isnan(share["value"]):
        return "-"
    if math.isnan(share["low"]):
        return f"{share['value']:.2f}"
    return f"{share['value']:.2f} ({share['low']:.2f}-{share['high']:.2f})"
