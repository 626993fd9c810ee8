"""The last hops of one sensor, with the hops that are missing marked as missing.

A hop that never came (a lost frame, the time before a file begins) is neither silence nor evidence: its row
holds whatever it held before and `valid` is False there. Who reads a window looks at both.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dsp.layout import FRAME_DTYPE


class HopWindow:
    """The newest `hops` hops. One owner; `frames` and `valid` change with the next push or gap."""

    def __init__(self, hops: int) -> None:
        if hops < 1:
            raise ValueError(f"a window needs at least one hop, not {hops}")
        self.hops = hops
        # Each row is written twice, `hops` apart, so that the newest hops always lie side by side.
        self._frames = np.zeros(2 * hops, dtype=FRAME_DTYPE)
        self._valid = np.zeros(2 * hops, dtype=bool)
        self._next = 0

    @property
    def frames(self) -> NDArray[np.void]:
        """(hops,) rows of FRAME_DTYPE, oldest first; a view, and rows where `valid` is False mean nothing."""
        return self._frames[self._next : self._next + self.hops]

    @property
    def valid(self) -> NDArray[np.bool_]:
        """(hops,) True where the hop was really heard; a view."""
        return self._valid[self._next : self._next + self.hops]

    def push(self, frame: np.void | NDArray[np.void]) -> None:
        """Take the next hop, one row of FRAME_DTYPE."""
        for row in (self._next, self._next + self.hops):
            self._frames[row] = frame
            self._valid[row] = True
        self._next = (self._next + 1) % self.hops

    def gap(self, hops: int) -> None:
        """Take note of `hops` hops that never came."""
        if hops < 0:
            raise ValueError(f"a gap cannot have {hops} hops")
        for _ in range(min(hops, self.hops)):
            self._valid[self._next] = self._valid[self._next + self.hops] = False
            self._next = (self._next + 1) % self.hops

    def clear(self) -> None:
        """Forget everything, as before the first hop."""
        self._valid[:] = False


def windows_of(
    frames: NDArray[np.void], valid: NDArray[np.bool_], hops: int
) -> tuple[NDArray[np.void], NDArray[np.bool_]]:
    """All windows of a recording at once, one ending at each hop: what `HopWindow` gives hop by hop.

    frames, valid: (n,). Returns copies of shape (n, hops); before the first hop everything is missing.
    """
    padded = np.concatenate([np.zeros(hops - 1, dtype=frames.dtype), frames])
    known = np.concatenate([np.zeros(hops - 1, dtype=bool), valid])
    rows = np.arange(len(frames))[:, np.newaxis] + np.arange(hops)
    return padded[rows], known[rows]
