"""What a running process takes, from /proc: processor time by thread, memory."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """In units of 10^6 bytes. RSS counts shared pages in full, PSS by share."""

    rss_mb: float
    pss_mb: float


def cpu_s(pid: int) -> float:
    """Processor time of the process so far, user and system, its ended children too."""
    fields = _stat(Path(f"/proc/{pid}/stat"))
    return sum(int(field) for field in fields[11:15]) / _TICKS


def cpu_by_thread_s(pid: int) -> dict[str, float]:
    """Processor time by kind of thread, `port:` and the like without what follows the colon."""
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        comm = (task / "comm").read_text(encoding="utf-8").strip()
        kind = "main" if task.name == str(pid) else comm.partition(":")[0].partition("-client")[0]
        fields = _stat(task / "stat")
        found[kind] = found.get(kind, 0.0) + (int(fields[11]) + int(fields[12])) / _TICKS
    return found


def memory(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kilobytes = {line.split()[0].rstrip(":"): line.split()[1] for line in lines[1:]}
    return Memory(*(int(kilobytes[name]) * 1024 / 1e6 for name in ("Rss", "Pss")))


def _stat(path: Path) -> list[str]:
    """Fields of a stat file from the third on: the name before them may hold anything."""
    return path.read_text(encoding="utf-8").rpartition(")")[2].split()
