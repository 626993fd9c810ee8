"""One trial: a site, a fault or many kills, a quiet end, and the comparison. Its result is plain data."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from random import Random
from typing import Any

from gateway.version import release
from tests.chaos.accounts import Account, compare
from tests.chaos.cells import Cell
from tests.chaos.coverage import analysed_seconds
from tests.chaos.hearing import Hearing, judge, windows_of
from tests.chaos.kills import Killer, plan
from tests.chaos.load import HOP_S
from tests.chaos.paths import Window
from tests.chaos.setup import Setup
from tests.chaos.site import SETTLE_S, Site
from tests.support.broker import mosquitto_program

WARM_ROWS = 4
BACK_ROWS = 3
BACK_S = 90.0
KILLS_A_CHAPTER = 60
UNWRITTEN_S = 2.5
BUSY = Setup(sensors=10)


@dataclass(slots=True)
class Outcome:
    """One cell of one trial. back_s: from the end of the fault until alerts arrived again.

    told: fault codes that the gateway reported; problems: anything that should not have been, in words.
    """

    name: str
    times: int
    account: Account = field(default_factory=Account)
    back_s: float = 0.0
    told: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Trial:
    """What one run gave; `as_json` is a line of a results file."""

    kind: str
    seed: int
    outcomes: list[Outcome] = field(default_factory=list)
    hearing: Hearing = field(default_factory=Hearing)
    kills: int = 0
    points_missed: int = 0
    lasted_s: float = 0.0
    coverage_s: float | None = None
    listened_s: float = 0.0
    problems: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        fine = all(one.account.clean and not one.problems for one in self.outcomes)
        return fine and not self.problems and not self.hearing.missed

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "versions": versions()}


def versions() -> dict[str, str]:
    program = subprocess.run([mosquitto_program(), "-h"], capture_output=True, text=True, check=False)
    return {
        "gateway": release(),
        "python": sys.version.split()[0],
        "broker": program.stdout.splitlines()[0].removeprefix("mosquitto version "),
    }


def run_cell(cell: Cell, seed: int, number: int = 0, *, patience_s: float = SETTLE_S) -> Trial:
    """One fault, on a site of its own. patience_s: how long the quiet end may last."""
    begun_s = time.monotonic()
    trial = Trial("cell", seed)
    outcome = Outcome(cell.name, 1)
    trial.outcomes.append(outcome)
    try:
        _ill_treat(cell, trial, outcome, number, patience_s)
    except AssertionError as problem:  # of the harness: this fault could not be made, others can
        trial.problems.append(f"{cell.name}: {problem}")
    trial.lasted_s = time.monotonic() - begun_s
    return trial


def _ill_treat(cell: Cell, trial: Trial, outcome: Outcome, number: int, patience_s: float) -> None:
    seed = trial.seed
    with Site(cell.setup, seed, number=number) as site:
        site.patience_s = patience_s
        site.start()
        if not site.received_more(WARM_ROWS):
            outcome.problems.append("nothing arrived even before the fault")
        site.faults.clear()
        site.observer.read_outputs()
        site.observer.noticed.clear()
        site.observer.cell = cell.name
        try:
            cell.act(site, Random(f"{seed}/{cell.name}"))
        except AssertionError as problem:
            outcome.problems.append(str(problem))
        healed_s = time.monotonic()
        site.load.quiet(False)
        if not site.received_more(BACK_ROWS, BACK_S):
            outcome.problems.append(f"nothing arrived in {BACK_S:g} s after the fault was over")
        outcome.back_s = time.monotonic() - healed_s
        site.wait(1.0)
        _finish(site, trial, hears=cell.hears)
        outcome.told = [*sorted(site.faults.told), *(f"r:{name}" for name in sorted(site.observer.noticed))]
        for account in _accounts(site).values():
            outcome.account.add(account)


def run_kills(seed: int, *, kills: int, minutes: float, setup: Setup | None = None, number: int = 0) -> Trial:
    """Random kills on one site that goes on; after each chapter everything has to be in order."""
    begun_s = time.monotonic()
    trial = Trial("kills", seed)
    with Site(setup or BUSY, seed, number=number) as site:
        site.start()
        if not site.received_more(WARM_ROWS):
            trial.problems.append("nothing arrived even before the first kill")
        killer, planned = Killer(site), plan(Random(f"{seed}/kills"))
        over_s = begun_s + 60.0 * minutes
        while sum(killer.done.values()) < kills and time.monotonic() < over_s:
            left = min(KILLS_A_CHAPTER, kills - sum(killer.done.values()))
            for _ in range(left):
                killer.kill(next(planned))
                if time.monotonic() >= over_s:
                    break
            if not site.settle():
                trial.problems.append("not everything arrived in the quiet after a chapter")
                break
            site.load.quiet(False)
        _finish(site, trial)
        _coverage_is_complete(site, trial)
        trial.kills, trial.points_missed = sum(killer.done.values()), killer.missed_points
        trial.problems += [f"not at work in time: {text}" for text in killer.not_up]
        _outcomes_of_kills(trial, killer.done, _accounts(site))
    trial.lasted_s = time.monotonic() - begun_s
    return trial


def _outcomes_of_kills(trial: Trial, done: Counter[str], accounts: dict[str, Account]) -> None:
    for name in sorted(done.keys() | accounts.keys()):
        trial.outcomes.append(Outcome(name, done[name], accounts.get(name, Account())))


def _finish(site: Site, trial: Trial, *, hears: bool = True) -> None:
    """The quiet end: everything has to arrive, then everything ends politely."""
    if not site.settle():
        trial.problems.append("not everything arrived in the quiet at the end")
    site.gateway_down(site.gateway.terminate)
    site.settle(min(20.0, site.patience_s))
    for receiver in site.receivers.values():
        receiver.terminate()
    site.observer.look()
    site.observer.read_outputs()
    for victim in (site.gateway, *site.receivers.values()):
        for code in victim.ended_by_itself:
            trial.problems.append(
                f"{victim.name} ended by itself with code {code}: {_last_words(victim.log)}"
            )
    if hears:
        trial.hearing = _hearing(site)
        _compare_coverage(site, trial)


def _accounts(site: Site) -> dict[str, Account]:
    observer = site.observer
    return compare(observer.committed, observer.ledgers.values(), site.up_times(), frozenset(site.forgiven))


def _hearing(site: Site) -> Hearing:
    raised_s = {sensor.upper(): list(times) for sensor, times in site.observer.told_of.items()}
    for row in site.observer.committed.values():
        raised_s.setdefault(row.sensor.upper(), []).append(row.made_s)
    return judge(site.load.heard, raised_s, {serial: _deaf(site, serial) for serial in site.setup.serials})


def _deaf(site: Site, serial: str) -> list[Window]:
    downs = windows_of(site.downs, site.load.spoken_s[serial])
    return [*downs, *site.paused, *site.deaf_lines[serial]]


def _compare_coverage(site: Site, trial: Trial) -> None:
    """What the gateway says it analysed, against how long it listened as seen from outside.

    Telemetry is written every second here, so each kill may cost a bit more than that, and nothing may be
    claimed that was not heard.
    """
    trial.coverage_s = analysed_seconds(site.folder / "gateway.toml")
    if trial.coverage_s is None:
        return
    for serial in site.setup.serials:
        deaf = windows_of(site.downs, site.load.spoken_s[serial], settling_s=0.0)
        trial.listened_s += sum(max(0.0, after[0] - before[1]) for before, after in pairwise(deaf))
    sensors, runs = len(site.setup.serials), len(site.downs) - 1
    if trial.coverage_s > trial.listened_s + sensors * runs * 2 * HOP_S:
        text = f"coverage claims {trial.coverage_s:.0f} s, the gateway listened {trial.listened_s:.0f} s"
        trial.problems.append(text)


def _coverage_is_complete(site: Site, trial: Trial) -> None:
    """What each kill may have cost is the second that was not written and the one that was not over."""
    unwritten_s = len(site.setup.serials) * (len(site.downs) - 1) * UNWRITTEN_S
    if trial.coverage_s is not None and trial.coverage_s < trial.listened_s - unwritten_s:
        text = f"coverage has {trial.coverage_s:.0f} s, the gateway listened {trial.listened_s:.0f} s"
        trial.problems.append(text)


def _last_words(log: str) -> str:
    return " / ".join(line.strip() for line in log.splitlines()[-3:])[:500]
