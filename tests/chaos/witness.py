"""A process outside gateway and receivers that writes down what they have on disk, as soon as it is there.

    python -m tests.chaos.witness OUTBOX NAME=STORE...

It opens the files read-only, anew for each look, so that it never keeps a killed gateway's WAL alive, and
prints one JSON object a line: rows of the outbox as they appear (what was committed: SQLite shows a row only
after the sync of its commit), rows of the receivers' stores, and `looked` for each line it reads from stdin,
once what was on disk at that moment has been told; `failed` of it are files that could not be read.
"""

from __future__ import annotations

import json
import os
import select
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

LOOK_EVERY_S = 0.03
BUSY_S = 2.0

Line = dict[str, Any]


class OutboxFile:
    """What is new in the outbox since the last look; a new file (another numbering) from its start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbering = ""
        self._last_id = 0

    def look(self) -> list[Line]:
        """Raises sqlite3.Error."""
        connection = _open(self._path)
        if connection is None:
            return []
        try:
            (numbering,) = connection.execute("SELECT numbering FROM identity").fetchone()
            if numbering != self._numbering:
                self._numbering, self._last_id = numbering, 0
            found = connection.execute(
                "SELECT id, event_id, revision, phase, alert_json, monotonic_s FROM alerts"
                " WHERE id > ? ORDER BY id",
                (self._last_id,),
            ).fetchall()
        finally:
            connection.close()
        at_s = time.monotonic()
        if found:
            self._last_id = found[-1][0]
        return [
            {
                "committed": event_id,
                "revision": revision,
                "phase": phase,
                "sensor": _sensor_of(alert_json),
                "made_s": made_s,
                "at_s": at_s,
            }
            for _row_id, event_id, revision, phase, alert_json, made_s in found
        ]


class StoreFile:
    """What is new in a receiver's store since the last look."""

    def __init__(self, name: str, path: Path) -> None:
        self._name = name
        self._path = path
        self._last_id = 0
        self._inode = 0

    def look(self) -> list[Line]:
        """Raises sqlite3.Error."""
        try:
            inode = self._path.stat().st_ino
        except OSError:
            return []
        if inode != self._inode:
            self._inode, self._last_id = inode, 0
        connection = _open(self._path)
        if connection is None:
            return []
        try:
            found = connection.execute(
                "SELECT id, event_id, revision, phase, alert_json FROM revisions WHERE id > ? ORDER BY id",
                (self._last_id,),
            ).fetchall()
        finally:
            connection.close()
        at_s = time.monotonic()
        if found:
            self._last_id = found[-1][0]
        return [
            {
                "received": event_id,
                "revision": revision,
                "phase": phase,
                "sensor": _sensor_of(alert_json),
                "by": self._name,
                "at_s": at_s,
            }
            for _id, event_id, revision, phase, alert_json in found
        ]


def _open(path: Path) -> sqlite3.Connection | None:
    if not path.exists():
        return None
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)


def _sensor_of(alert_json: bytes) -> str:
    try:
        return str(json.loads(alert_json)["sensors"][0]["sensor_id"])
    except (ValueError, LookupError, TypeError):
        return ""


def main(arguments: list[str]) -> None:
    files: list[OutboxFile | StoreFile] = [OutboxFile(Path(arguments[0]))]
    files += [StoreFile(name, Path(path)) for name, _, path in (one.partition("=") for one in arguments[1:])]
    asked = b""
    while True:
        ready, _, _ = select.select([sys.stdin.buffer], [], [], LOOK_EVERY_S)
        if ready:
            data = os.read(sys.stdin.fileno(), 4096)
            if not data:
                return
            asked += data
        lines: list[Line] = []
        failed = 0
        for file in files:
            try:
                lines += file.look()
            except sqlite3.Error:
                failed += 1  # being made, or damaged by the harness itself
        while b"\n" in asked:
            word, _, asked = asked.partition(b"\n")
            lines.append({"looked": word.decode(), "failed": failed, "at_s": time.monotonic()})
        if lines:
            sys.stdout.write("".join(json.dumps(line) + "\n" for line in lines))
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
