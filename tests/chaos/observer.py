"""What is seen from outside while the site is ill-treated: the witness's lines and what receivers show."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.chaos.accounts import Committed, Key, Ledger, Shown
from tests.chaos.victim import REPOSITORY, python

DEADLINE_S = 30.0
NOTICES = ("gateway_silent", "gap_found", "gap_lost", "store_trouble", "not_shown", "not_heard")


class Observer:
    """Starts the witness and gathers what it tells. `cell` is written to what is seen from now on."""

    def __init__(self, outbox: Path, stores: Mapping[str, Path], outputs: Mapping[str, Path]) -> None:
        self.cell = "start"
        self.committed: dict[Key, Committed] = {}
        self.ledgers = {name: Ledger(name) for name in stores}
        self.told_of: dict[str, list[float]] = {}
        """Sensor -> when receivers got a beginning of an event there, stored by the gateway or not."""
        self.noticed: set[str] = set()
        """What receivers told besides alerts."""
        self.eras = dict.fromkeys(stores, 0)
        self._outputs = {name: _Tail(path) for name, path in outputs.items()}
        self._changed = threading.Condition()
        self._looked = ""
        self._failed = 0
        self._looks = 0
        arguments = [str(outbox), *(f"{name}={path}" for name, path in stores.items())]
        self._process = subprocess.Popen(
            python("tests.chaos.witness", *arguments),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._thread = threading.Thread(target=self._read, name="witness", daemon=True)
        self._thread.start()

    def look(self) -> None:
        """Return when all that is on disk now has been told, as far as the files can be read."""
        for _ in range(3):
            self._looks += 1
            word = str(self._looks)
            assert self._process.stdin is not None
            self._process.stdin.write(f"{word}\n".encode())
            self._process.stdin.flush()
            with self._changed:
                seen = self._changed.wait_for(lambda word=word: self._looked == word, DEADLINE_S)
            assert seen, f"the witness does not answer (exit code {self._process.poll()})"
            if not self._failed:
                return

    def wait(self, holds: Callable[[], bool], deadline_s: float) -> bool:
        """Whether holds() came true in time; asked whenever the witness tells something."""
        with self._changed:
            return self._changed.wait_for(holds, deadline_s)

    def missing(self, forgiven: frozenset[Key]) -> int:
        """Committed revisions that a receiver has not got, added up over receivers."""
        with self._changed:
            wanted = self.committed.keys() - forgiven
            return sum(len(wanted - ledger.received.keys()) for ledger in self.ledgers.values())

    def read_outputs(self) -> None:
        """Take what the receivers have shown since the last time."""
        for name, tail in self._outputs.items():
            shown = self.ledgers[name].shown
            for line in tail.lines():
                if line.get("type") in NOTICES:
                    self.noticed.add(str(line["type"]))
                elif line.get("type") == "alert":
                    key = (str(line["event_id"]), int(line["revision"]), str(line["phase"]))
                    durable, again = bool(line.get("durable", True)), bool(line.get("again", False))
                    shown.append(Shown(key, durable, self.cell, again, self.eras[name]))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(DEADLINE_S)
        self._thread.join(DEADLINE_S)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for text in self._process.stdout:
            line = json.loads(text)
            with self._changed:
                self._take(line)
                self._changed.notify_all()

    def _take(self, line: dict[str, Any]) -> None:
        if "looked" in line:
            self._looked, self._failed = line["looked"], line["failed"]
            return
        event_id = line.get("committed") or line["received"]
        key = (str(event_id), int(line["revision"]), str(line["phase"]))
        if "committed" in line:
            self.committed.setdefault(key, _committed(key, line, self.cell))
        else:
            self.ledgers[line["by"]].received.setdefault(key, line["at_s"])
            if line["phase"] == "start":
                self.told_of.setdefault(line["sensor"], []).append(line["at_s"])


def _committed(key: Key, line: dict[str, Any], cell: str) -> Committed:
    return Committed(key, line["at_s"], cell, line["sensor"], line["made_s"])


class _Tail:
    """JSON lines of a file that grows; a last line that is not whole yet, or never will be, is left alone."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0

    def lines(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._place)
            data = file.read()
        whole, newline, _rest = data.rpartition(b"\n")
        self._place += len(whole) + len(newline)
        found = []
        for text in whole.splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue  # two halves of lines around a kill
            if isinstance(line, dict):
                found.append(line)
        return found
