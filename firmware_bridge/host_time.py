"""The host's clock that never jumps and never stops: seconds since boot, time asleep included."""

from __future__ import annotations

import time

if hasattr(time, "CLOCK_BOOTTIME"):

    def monotonic_s() -> float:
        """CLOCK_BOOTTIME, which unlike CLOCK_MONOTONIC goes on while the machine is suspended.

        So an age is right after a suspend, and UTC minus this clock changes only when UTC is set.
        """
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:  # not Linux: for development alone
    monotonic_s = time.monotonic
