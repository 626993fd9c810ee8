"""When there was a way from the gateway to a receiver, from the histories of the gates on it. Pure.

A history is a list of (monotonic, state), each state lasting until the next; before the first it is False.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

History = Sequence[tuple[float, bool]]
Window = tuple[float, float]


def both(one: History, other: History) -> list[tuple[float, bool]]:
    return _merged([one, other], all)


def either(histories: Sequence[History]) -> list[tuple[float, bool]]:
    return _merged(histories, any)


def without(history: History, windows: Iterable[Window]) -> list[tuple[float, bool]]:
    """Not while any of these windows lasts."""
    merged = list(history)
    for start_s, end_s in windows:
        merged = both(merged, [(float("-inf"), True), (start_s, False), (end_s, True)])
    return merged


def _merged(
    histories: Sequence[History], judge: Callable[[Iterable[bool]], bool]
) -> list[tuple[float, bool]]:
    states = [False] * len(histories)
    changes = sorted(
        (at_s, number, state) for number, history in enumerate(histories) for at_s, state in history
    )
    merged: list[tuple[float, bool]] = []
    for at_s, number, state in changes:
        states[number] = state
        now = judge(states)
        if merged and merged[-1][0] == at_s:
            merged[-1] = (at_s, now)
        elif not merged or merged[-1][1] != now:
            merged.append((at_s, now))
    return merged
