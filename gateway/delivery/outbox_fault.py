"""What can be wrong with the outbox file, in words a technician can act on."""

from __future__ import annotations

import enum
from pathlib import Path

from gateway.errors import GatewayError


class OutboxFault(enum.Enum):
    """The value is (what is wrong, what to do)."""

    FULL = ("the disk is full", "Free space on it; alerts are stored again as soon as there is room")
    READ_ONLY = ("the file or its disk is read-only", "Give the service write access to it")
    UNAVAILABLE = ("the file cannot be opened or made", "Make its folder, writable by the service")
    DISK_ERROR = ("the disk reports errors", "Look in the system log and replace the disk or card")
    BUSY = ("another process keeps the file locked", "Stop the second gateway or tool that uses it")
    DAMAGED = ("the file is damaged", "It is set aside at the next start; if this returns, replace the disk")
    FOREIGN = ("this is a database of another program", "Give the gateway a data_dir of its own")
    NEWER = (
        "a newer version of this program made the file",
        "Install that version, or use an empty data_dir",
    )
    OTHER = ("the outbox failed", "Report this with the log")


class OutboxError(GatewayError):
    """The outbox could not do what was asked; nothing was half done. what_nl: the failure in Dutch."""

    def __init__(self, fault: OutboxFault, path: Path, *, detail: str = "") -> None:
        what, hint = fault.value
        super().__init__(f"{what} ({detail})" if detail else what, where=str(path), hint=hint)
        self.fault = fault
        self.detail = detail
        self.what_nl = _DUTCH[fault]


_DUTCH = {
    OutboxFault.FULL: "de schijf is vol",
    OutboxFault.READ_ONLY: "het bestand of de schijf is alleen-lezen",
    OutboxFault.UNAVAILABLE: "het bestand kan niet worden geopend of gemaakt",
    OutboxFault.DISK_ERROR: "de schijf meldt fouten",
    OutboxFault.BUSY: "een ander proces houdt het bestand vast",
    OutboxFault.DAMAGED: "het bestand is beschadigd",
    OutboxFault.FOREIGN: "dit is een database van een ander programma",
    OutboxFault.NEWER: "het bestand is van een nieuwere versie van dit programma",
    OutboxFault.OTHER: "de opslag faalde",
}
_BY_NAME = {
    "SQLITE_FULL": OutboxFault.FULL,
    "SQLITE_READONLY": OutboxFault.READ_ONLY,
    "SQLITE_PERM": OutboxFault.READ_ONLY,
    "SQLITE_CANTOPEN": OutboxFault.UNAVAILABLE,
    "SQLITE_IOERR": OutboxFault.DISK_ERROR,
    "SQLITE_BUSY": OutboxFault.BUSY,
    "SQLITE_LOCKED": OutboxFault.BUSY,
    "SQLITE_CORRUPT": OutboxFault.DAMAGED,
    "SQLITE_NOTADB": OutboxFault.DAMAGED,
}


def outbox_error(sqlite_name: str, detail: str, path: Path) -> OutboxError:
    """The error for SQLite's name of one, with or without its extension ("SQLITE_IOERR_WRITE")."""
    primary = "_".join(sqlite_name.split("_")[:2])
    return OutboxError(_BY_NAME.get(primary, OutboxFault.OTHER), path, detail=detail)
