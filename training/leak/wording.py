"""Goals of the leak test, and how its page writes figures and tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

GOAL_ERROR = 0.95
CONTROL_AT_MOST = 0.40
GOAL_EQUAL_ERROR = 0.40
KNOWLEDGE = {
    "sentences": "the very sentences",
    "words": "their words, any order",
    "english": "English as shipped",
}
THINNER = {
    "wire_octaves": "bands in octaves",
    "wire_bands_4_a_second": "bands 4 a second, the rest 8",
    "wire_all_4_a_second": "all fields 4 a second",
}


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["", "| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]


def share(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.1%} ({figure['low']:.1%} to {figure['high']:.1%})"


def number(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.2f} ({figure['low']:.2f} to {figure['high']:.2f})"


def chance(p: float) -> str:
    return "under 0.0001" if p < 1e-4 else f"{p:.4f}" if p < 0.1 else f"{p:.2f}"
