"""What can be wrong with the receiver's store, in words that say what to do."""

from __future__ import annotations

import enum
from pathlib import Path


class LedgerFault(enum.Enum):
    """The value is (what is wrong, what to do)."""

    FULL = ("the disk is full", "Free space on it; nothing is confirmed to the gateways until then")
    READ_ONLY = ("the store or its disk is read-only", "Give the receiver write access to it")
    UNAVAILABLE = ("the store cannot be opened or made", "Make its folder, writable by the receiver")
    DISK_ERROR = ("the disk reports errors", "Look in the system log and replace the disk")
    BUSY = ("another receiver uses this store", "Stop it, or give this one a store of its own")
    DAMAGED = ("the store is damaged", "It is set aside at the next start; if this returns, replace the disk")
    FOREIGN = ("this is a file of another program", "Name another file as the store")
    NEWER = ("a newer version of this program made the store", "Install that version, or name a new store")
    OTHER = ("the store failed", "Report this with what the receiver said")


class LedgerError(Exception):
    """The store could not do what was asked; nothing was half done."""

    def __init__(self, fault: LedgerFault, path: Path, detail: str = "") -> None:
        self.fault = fault
        self.what, self.hint = fault.value
        self.where = str(path)
        self.detail = detail
        what = f"{self.what} ({detail})" if detail else self.what
        super().__init__(f"{self.where}: {what}. {self.hint}")


_BY_NAME = {
    "SQLITE_FULL": LedgerFault.FULL,
    "SQLITE_READONLY": LedgerFault.READ_ONLY,
    "SQLITE_PERM": LedgerFault.READ_ONLY,
    "SQLITE_CANTOPEN": LedgerFault.UNAVAILABLE,
    "SQLITE_IOERR": LedgerFault.DISK_ERROR,
    "SQLITE_BUSY": LedgerFault.BUSY,
    "SQLITE_LOCKED": LedgerFault.BUSY,
    "SQLITE_CORRUPT": LedgerFault.DAMAGED,
    "SQLITE_NOTADB": LedgerFault.DAMAGED,
}


def ledger_error(sqlite_name: str, detail: str, path: Path) -> LedgerError:
    """The error for SQLite's name of one, with or without its extension ("SQLITE_IOERR_WRITE")."""
    primary = "_".join(sqlite_name.split("_")[:2])
    return LedgerError(_BY_NAME.get(primary, LedgerFault.OTHER), path, detail)
