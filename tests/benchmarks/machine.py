"""On what machine a figure was measured."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor() -> str:
    """Processor and number of cores, for the head of a table."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"
