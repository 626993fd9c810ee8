"""Many results, one table.

    python -m tests.chaos.table FILE...

Each file holds one JSON object a line, as `python -m tests.chaos` appends them. Exit code 1 when anything was
lost, doubled, out of order or a phantom, or when anything else went wrong.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.accounts import Account
from tests.chaos.hearing import Hearing
from tests.chaos.trial import Outcome

COLUMNS = ("times", "committed", "received", "lost", "doubled", "disorder", "phantom", "late", "slowest s",
           "with path s", "back s")  # fmt: skip


@dataclass(slots=True)
class Summary:
    """All trials of some files, added up by cell."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    hearing: Hearing = field(default_factory=Hearing)
    seeds: list[int] = field(default_factory=list)
    versions: dict[str, set[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    kills: int = 0
    lasted_s: float = 0.0
    coverage_s: float = 0.0
    listened_s: float = 0.0

    @property
    def total(self) -> Account:
        total = Account()
        for outcome in self.outcomes.values():
            total.add(outcome.account)
        return total

    @property
    def clean(self) -> bool:
        problems = [text for outcome in self.outcomes.values() for text in outcome.problems]
        return self.total.clean and not (self.problems or problems or self.hearing.missed)

    def add(self, trial: dict[str, Any]) -> None:
        """One line of a results file."""
        self.seeds.append(trial["seed"])
        for name, version in trial["versions"].items():
            self.versions.setdefault(name, set()).add(version)
        self.hearing.add(Hearing(**trial["hearing"]))
        self.problems += trial["problems"]
        self.kills += trial["kills"]
        self.lasted_s += trial["lasted_s"]
        if trial["coverage_s"] is not None:
            self.coverage_s += trial["coverage_s"]
            self.listened_s += trial["listened_s"]
        for told in trial["outcomes"]:
            one = Outcome(**{**told, "account": Account(**told["account"])})
            known = self.outcomes.setdefault(one.name, Outcome(one.name, 0))
            known.times += one.times
            known.account.add(one.account)
            known.back_s = max(known.back_s, one.back_s)
            known.told = sorted({*known.told, *one.told})
            known.problems += one.problems


def read(paths: Iterable[Path]) -> Summary:
    summary = Summary()
    for path in paths:
        for line in path.read_text().splitlines():
            summary.add(json.loads(line))
    return summary


def lines(summary: Summary) -> Iterator[str]:
    """The table for people."""
    width = max([len(name) for name in summary.outcomes] + [10])
    heads = [column.rjust(max(len(column), 5)) for column in COLUMNS]
    yield "  ".join([" " * width, *heads, "faults told"])
    rows = [*(summary.outcomes[name] for name in sorted(summary.outcomes)), _total(summary)]
    for outcome in rows:
        cells = [text.rjust(len(head)) for text, head in zip(_cells(outcome), heads, strict=True)]
        yield "  ".join([outcome.name.ljust(width), *cells, " ".join(outcome.told)]).rstrip()
    yield ""
    yield from _footnotes(summary)


def _total(summary: Summary) -> Outcome:
    times = sum(outcome.times for outcome in summary.outcomes.values())
    return Outcome("TOTAL", times, summary.total)


def _cells(outcome: Outcome) -> list[str]:
    account = outcome.account
    counts = (outcome.times, account.committed, account.received, account.lost, account.doubled,
              account.out_of_order, account.phantom, account.late)  # fmt: skip
    seconds = (account.slowest_s, account.uptime_s, outcome.back_s)
    return [str(count) for count in counts] + [f"{value:.1f}" for value in seconds]


def _footnotes(summary: Summary) -> Iterator[str]:
    total, hearing = summary.total, summary.hearing
    yield f"kills {summary.kills}; seeds {_ranges(summary.seeds)}; {summary.lasted_s / 60:.0f} min of trials"
    yield f"shown once more after a crash and marked so: {total.again}; stored, never shown: {total.unshown}"
    yield (
        f"sounds {hearing.sounds}: heard {hearing.heard}, unheard in downtime {hearing.unheard},"
        f" missed {hearing.missed}; coverage says {summary.coverage_s:.0f} s analysed,"
        f" {summary.listened_s:.0f} s were listened to as seen from outside"
    )
    yield "; ".join(f"{name} {', '.join(sorted(found))}" for name, found in sorted(summary.versions.items()))
    for outcome in summary.outcomes.values():
        for text in [*outcome.problems, *outcome.account.examples]:
            yield f"! {outcome.name}: {text}"
    for text in [*summary.problems, *hearing.examples]:
        yield f"! {text}"


def _ranges(seeds: Iterable[int]) -> str:
    found = sorted(set(seeds))
    parts: list[str] = []
    start = 0
    for place in range(1, len(found) + 1):
        if place == len(found) or found[place] != found[place - 1] + 1:
            first, last = found[start], found[place - 1]
            parts.append(str(first) if first == last else f"{first}-{last}")
            start = place
    return ", ".join(parts)


def main(arguments: list[str]) -> int:
    if not arguments:
        print("python -m tests.chaos.table FILE...", file=sys.stderr)
        return 2
    summary = read(map(Path, arguments))
    print("\n".join(lines(summary)))
    return 0 if summary.clean else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
