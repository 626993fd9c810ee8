"""By which broker alerts leave. Pure: states in, a name out; the time is an argument.

The primary path is used while it is good. When it is down, or keeps the connection but acknowledges nothing,
the backup takes over at once. Back again only after the primary has been good for `settled_s` without a
break, so that a path that comes and goes does not drag the alerts to and fro.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PathSight:
    """How one path looks now. good_since_s: monotonic, None while it is down or stalled."""

    good_since_s: float | None

    @property
    def good(self) -> bool:
        return self.good_since_s is not None


def choose_path(
    active: str, sights: Mapping[str, PathSight], now_s: float, *, settled_s: float = 30.0
) -> str:
    """The path to use from now on. sights: in order of preference, the first is the primary."""
    preferred = next(iter(sights))
    sight = sights[preferred]
    if active != preferred and sight.good_since_s is not None and now_s - sight.good_since_s >= settled_s:
        return preferred
    if sights[active].good:
        return active
    return next((name for name, seen in sights.items() if seen.good), active)
