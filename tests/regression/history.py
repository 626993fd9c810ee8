"""The baseline of every supplied model, and all that there were before: `history.json`, newest last.

A model's current baseline is its last entry. An entry is only ever added, by `python -m tests.regression`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.regression.gate import worse

FILE = Path(__file__).parent / "history.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A model's figures, why they were recorded, and which kinds were knowingly accepted although worse.

    replay_set: digest of the captures that were replayed.
    """

    package: str
    model_id: str
    sha256: str
    replay_set: str
    date: str
    reason: str
    accepted: tuple[str, ...]
    figures: dict[str, dict[str, int]]


def read(path: Path = FILE) -> list[Entry]:
    """All entries, oldest first."""
    if not path.exists():
        return []
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [Entry(**{**row, "accepted": tuple(row["accepted"])}) for row in rows]


def write(entries: list[Entry], path: Path = FILE) -> None:
    """One entry after the other, one kind of sound a line."""
    path.write_text(json.dumps([asdict(entry) for entry in entries], indent=1) + "\n", encoding="utf-8")


def last(entries: list[Entry], package: str) -> Entry | None:
    """The package's current baseline."""
    return next((entry for entry in reversed(entries) if entry.package == package), None)


def unaccepted(entries: list[Entry]) -> list[str]:
    """Steps of the history at which a kind of sound got worse and nobody said that this was accepted."""
    problems = []
    for at, entry in enumerate(entries):
        before = last(entries[:at], entry.package)
        if before is None or before.replay_set != entry.replay_set:
            continue
        for kind, what in worse(before.figures, entry.figures).items():
            if kind not in entry.accepted:
                problems.append(f"{entry.model_id}: {kind}: {what}")
    return problems
