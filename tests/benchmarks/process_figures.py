"""What a running process takes, from /proc: processor time by thread, memory, descriptors, bytes written."""

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


def written_bytes(pid: int) -> int:
    """What the process caused to be written to disk so far."""
    return _keyed(Path(f"/proc/{pid}/io"))["write_bytes"]


def figures(pid: int) -> dict[str, float]:
    """Everything that may creep, at one moment."""
    used = _keyed(Path(f"/proc/{pid}/smaps_rollup"))
    return {
        "rss_kb": used["Rss"],
        "pss_kb": used["Pss"],
        "private_dirty_kb": used["Private_Dirty"],
        "descriptors": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": len(os.listdir(f"/proc/{pid}/task")),
        "cpu_s": cpu_s(pid),
        "write_bytes": written_bytes(pid),
    }


def _keyed(path: Path) -> dict[str, int]:
    """Lines of the form `name: number`, as many as there are."""
    found = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, colon, rest = line.partition(":")
        if colon and rest.split() and rest.split()[0].isdigit():
            found[name] = int(rest.split()[0])
    return found


def _stat(path: Path) -> list[str]:
    """Fields of a stat file from the third on: the name before them may hold anything."""
    return path.read_text(encoding="utf-8").rpartition(")")[2].split()
