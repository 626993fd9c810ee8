"""A damaged file is kept under another name, never deleted."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.delivery.outbox_fault import OutboxError, OutboxFault


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged outbox was found and moved out of the way; what it held is in `kept_as`, not sent."""

    kept_as: Path
    problem: str

    def __str__(self) -> str:
        return (
            f"{self.kept_as.name}: the outbox was damaged ({self.problem}) and a new one was started. "
            f"Alerts that had not left yet are only in this file; keep it for repair"
        )


def move_aside(path: Path, problem: str) -> SetAside:
    """Rename a database together with its WAL, so that the pair can still be read. Raises OutboxError."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    kept_as = path.with_name(f"{path.stem}.damaged-{stamp}{path.suffix}")
    try:
        for tail in ("-wal", "-shm", ""):  # the file itself last: after half a job, the next start finds it
            part = path.with_name(path.name + tail)
            if part.exists():
                part.rename(kept_as.with_name(kept_as.name + tail))
        _sync_folder(path.parent)
    except OSError as error:
        raise OutboxError(OutboxFault.UNAVAILABLE, path, detail=str(error)) from error
    return SetAside(kept_as, problem)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
