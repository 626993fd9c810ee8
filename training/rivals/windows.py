"""Which stretch of a sound a window is: its end, its length, and what stands in front of a young one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def ends_of(hops: int, every: int) -> NDArray[np.int64]:
    """Hops heard at the end of each window: every, 2 every, ... up to `hops`; `hops` alone if it is fewer."""
    ends = np.arange(every, hops + 1, every)
    return ends if len(ends) else np.array([hops], dtype=np.int64)


def ending_at(values: NDArray[np.float32], end: int, longest: int, shortest: int) -> NDArray[np.float32]:
    """Rows [end - longest, end) of `values` (first axis), fewer near the beginning but at least `shortest`.

    What is missing of `shortest` is the own beginning of the sound, mirrored: no click, and no silence that
    the sound never had. `end` beyond the values counts as their end. ValueError without any value.
    """
    end = min(end, len(values))
    if end < 1:
        raise ValueError("a window needs at least one value before its end")
    window = values[max(0, end - longest) : end]
    lacking = shortest - len(window)
    if lacking <= 0:
        return window
    return np.pad(window, [(lacking, 0)] + [(0, 0)] * (values.ndim - 1), mode="symmetric")
